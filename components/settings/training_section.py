"""Read the settings of training: where and on what a model is trained, and how much is tried before."""

from typing import Any

from components.settings import instance_types, rules
from components.settings.choices import SearchSettings, TrainingSettings
from components.settings.section import Section
from ml import contract, runtimes

COMPUTE_TYPES = tuple(f"BUILD_GENERAL1_{size}" for size in ("SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE"))
"""What CodeBuild offers for a Linux container on x86 (CodeBuild user guide, build environment compute types)."""

DEFAULT_INSTANCE_TYPE = "ml.m5.xlarge"
MAX_RUNTIME_MINUTES = (5, 180)
"""Of one training job. A search comes before in jobs of its own, and a build action ends after eight hours."""

TRIALS_MOST = 200
FOLDS = (2, 10)
PARALLEL_JOBS_MOST = 20

_DATA_URI = r"(s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9]/[\w!./'()=+@:,-]+\.(csv|parquet))?"


def training(section: Section, target_column: str) -> TrainingSettings:
    """Read where and on what a model is trained; keys that mean nothing for its engine are refused."""
    engines = (contract.CODEBUILD_ENGINE, contract.SAGEMAKER_ENGINE)
    engine = section.read("engine", rules.one_of(engines), contract.CODEBUILD_ENGINE)
    search = section.section("search")
    settings = TrainingSettings(
        engine=engine,
        compute_type=section.read("computeType", rules.one_of(COMPUTE_TYPES), COMPUTE_TYPES[0]),
        image=section.read("image", rules.text(r"\S+", "the name of a build image"), runtimes.BUILD_IMAGE),
        instance_type=section.read("instanceType", instance_types.trained_on, DEFAULT_INSTANCE_TYPE),
        instance_count=section.read("instanceCount", _instance_count, 1),
        max_runtime_minutes=section.read("maxRuntimeMinutes", rules.whole(*MAX_RUNTIME_MINUTES), 60),
        data_uri=section.read(
            "dataUri", rules.text(_DATA_URI, "empty or s3://bucket/key ending in .csv or .parquet"), ""
        ),
        target=section.read("target", rules.text(r"[^\r\n]*", "the name of a column"), "") or target_column,
        search=_search(search),
    )
    section.finish()
    if engine == contract.CODEBUILD_ENGINE:
        why = f"engine {engine} starts no training jobs; set training.engine to {contract.SAGEMAKER_ENGINE}"
        section.only_with(("instanceType", "instanceCount", "maxRuntimeMinutes"), why)
        search.only_with(("parallelJobs",), why)
    return settings


def _search(section: Section) -> SearchSettings:
    settings = SearchSettings(
        trials=section.read("trials", rules.whole(0, TRIALS_MOST), 0),
        folds=section.read("folds", rules.whole(*FOLDS), 3),
        parallel_jobs=section.read("parallelJobs", rules.whole(1, PARALLEL_JOBS_MOST), 1),
    )
    section.finish()
    return settings


def _instance_count(value: Any) -> int:
    if rules.whole(1, 100)(value) != 1:
        raise ValueError("is not 1: scikit-learn trains on one machine, the others would do the same work again")
    return 1
