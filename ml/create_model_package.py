"""Build stage: train, measure, pack and register a model, and leave its ARN for the stages that follow.

An execution that a person started for an approved version trains nothing: it hands that version on.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ml import (
    approved_version,
    contract,
    data,
    entry,
    evaluation,
    gate,
    packaging,
    registry,
    search,
    serving_image,
    storage,
    training,
    usecases,
)
from ml.errors import InputError, RoadError
from ml.gate import LONGEST_SUMMARY, one_line
from ml.made import Made, summarized
from ml.package_request import Candidate, model_package_request
from ml.registry import ModelPackageArn
from ml.table import Table
from ml.training_job import TrainingJobs
from ml.training_request import JobSettings, is_asked_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

REGISTRATION_SECONDS = 300
CONTAINER_DECIDES = "scikit-learn"
"""The one library whose version must be the container's: another version's pickle loads there with only a warning."""


@dataclass(frozen=True, kw_only=True)
class BuildEnvironment:
    """What the build project and the pipeline action tell this build."""

    model_bucket: str
    group: str
    use_case: str
    data_uri: str
    target: str
    instance_type: str
    execution: str
    commit: str
    repository: str
    build_arn: str
    requested: ModelPackageArn | None
    search: search.Plan
    confidence: float
    """Of the evaluation's intervals; the gate's."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "BuildEnvironment":
        """Return the typed environment. Raises InputError that names every key that is not set."""
        found = entry.values(
            environment,
            (
                contract.MODEL_BUCKET,
                contract.MODEL_PACKAGE_GROUP,
                contract.USE_CASE,
                contract.ENDPOINT_INSTANCE_TYPE,
                contract.PIPELINE_EXECUTION_ID,
                contract.COMMIT_ID,
                contract.REPOSITORY_NAME,
                contract.GATE,
            ),
        )
        use_case = contract.USE_CASES.get(found[contract.USE_CASE])
        return cls(
            model_bucket=found[contract.MODEL_BUCKET],
            group=found[contract.MODEL_PACKAGE_GROUP],
            use_case=found[contract.USE_CASE],
            data_uri=environment.get(contract.DATA_URI, "").strip(),
            target=environment.get(contract.TARGET_COLUMN, "").strip() or (use_case.target_column if use_case else ""),
            instance_type=found[contract.ENDPOINT_INSTANCE_TYPE],
            execution=found[contract.PIPELINE_EXECUTION_ID],
            commit=found[contract.COMMIT_ID],
            repository=found[contract.REPOSITORY_NAME],
            build_arn=environment.get(contract.BUILD_ARN, ""),
            requested=approved_version.requested(environment),
            search=search.Plan.read(environment),
            confidence=gate.Rule.read(found[contract.GATE]).confidence,
        )


def check_libraries(installed: Callable[[str], str]) -> None:
    """Raise RoadError unless the installed scikit-learn is the serving container's."""
    wanted, found = contract.CONTAINER_LIBRARIES[CONTAINER_DECIDES], installed(CONTAINER_DECIDES)
    if found != wanted:
        raise RoadError(
            f"{CONTAINER_DECIDES} {found} is installed, but the serving container has {wanted}; nothing was registered."
            " Install buildspecs/requirements-train.txt"
        )


def make(build: BuildEnvironment, read: storage.Read) -> Made:
    """Train and measure a model. Changes nothing in AWS. Raises RoadError when no model can be offered for approval."""
    use_case, table = usecases.load(build.use_case), _table(build, read)
    found = search.settle(build.use_case, table, build.search, read, entry.say)
    build_model = search.model_with(use_case, found.best.params) if found else use_case.build
    trained = training.train(table, build_model, usecases.split_of(use_case))
    held_out = trained.held_out
    examination = evaluation.Examination(
        task=table.task,
        model=trained.model,
        fit_rows=table.rows[trained.fit],
        rows=table.rows[held_out],
        target=table.target[held_out],
    )
    document = evaluation.evaluate(examination, confidence=build.confidence, search=found.document() if found else None)
    metrics = evaluation.reportable(document)
    summary = summarized(metrics, f"{len(held_out)} held-out rows of {table.source}", use_case=build.use_case)
    entry.say(f"evaluation: {summary}")
    archive = packaging.pack(trained.model, table=table, held_out=held_out, use_case=build.use_case)
    entry.say(f"package: {len(archive.body)} bytes, sha256 {archive.sha256}")
    return Made(data_sha256=table.sha256, archive=archive, evaluation=document, metrics=metrics, summary=summary)


def try_share(build: BuildEnvironment, read: storage.Read) -> bytes:
    """Return what this training job's share of the search has found. Changes nothing in AWS."""
    return search.write(search.search(build.use_case, _table(build, read), build.search, entry.say))


def _table(build: BuildEnvironment, read: storage.Read) -> Table:
    use_case, task = usecases.load(build.use_case), contract.USE_CASES[build.use_case].task
    table = data.load(build.data_uri, target=build.target, task=task, use_case=use_case, read=read)
    for line in data.lines(table):
        entry.say(f"data: {line}")
    return table


def candidate(build: BuildEnvironment, made: Made, s3: "S3Client") -> Candidate:
    """Upload what `made` holds, each under the key that its content gives it, and describe it for the registry."""
    evaluation_sha256 = storage.sha256(made.evaluation)
    return Candidate(
        group=build.group,
        image=_image(s3.meta.region_name),
        instance_type=build.instance_type,
        archive_uri=storage.put_once(
            s3,
            bucket=build.model_bucket,
            key=f"{contract.MODELS_PREFIX}{made.archive.sha256}/{contract.ARCHIVE_FILE}",
            body=made.archive.body,
            content_type="application/gzip",
        ),
        archive_sha256=made.archive.sha256,
        evaluation_uri=storage.put_once(
            s3,
            bucket=build.model_bucket,
            key=f"{contract.EVALUATIONS_PREFIX}{evaluation_sha256}/{contract.EVALUATION_FILE}",
            body=made.evaluation,
            content_type="application/json",
        ),
        evaluation_sha256=evaluation_sha256,
        data_sha256=made.data_sha256,
        metrics=made.metrics,
        use_case=build.use_case,
        summary=made.summary,
        commit=build.commit,
        execution=build.execution,
        repository=build.repository,
    )


def create_model_package(
    build: BuildEnvironment,
    *,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    out: Path,
    jobs: TrainingJobs | None = None,
) -> str:
    """Take the whole stage and return the package's ARN, which is also the last file written to `out`.

    The model is made here, or by `jobs` where there are any. CodeBuild uploads artifacts after a failed build too:
    without that file nothing can be deployed.
    """
    if build.requested is not None:
        return release(build.requested, build, sagemaker, out)
    if jobs is None:
        check_libraries(version)
        made = make(build, partial(storage.read, s3))
    else:
        made = jobs.train(build.search, [build.data_uri] if build.data_uri else [])
    request = model_package_request(candidate(build, made, s3))
    arn = registry.register(sagemaker, request, registry.growing_pauses(REGISTRATION_SECONDS))
    entry.say(f"registered: {arn} ({contract.PENDING})")
    _hand_over(out, arn, made.summary)
    return arn


def release(package: ModelPackageArn, build: BuildEnvironment, sagemaker: "SageMakerClient", out: Path) -> str:
    """Hand an approved version of this stack on, in place of a new one, and return its ARN as the registry spells it.

    Raises InputError when it is another stack's, RoadError unless it is approved right now.
    """
    account = "".join(build.build_arn.split(":")[4:5])
    approved_version.check_place(package, build.group, region=sagemaker.meta.region_name, account=account)
    description = approved_version.approved(sagemaker, package.text)
    arn, summary = description["ModelPackageArn"], description.get("ModelPackageDescription", "")
    entry.say(f"release: {arn} ({contract.APPROVED}); nothing is trained")
    _hand_over(out, arn, one_line(f"release of version {package.version}: {summary}", LONGEST_SUMMARY))
    return str(arn)


def _hand_over(out: Path, arn: str, summary: str) -> None:
    """Write what the next stages need, the ARN last: without it nothing can be deployed."""
    (out / contract.MODEL_SUMMARY_FILE).write_text(summary + "\n", "utf-8")
    (out / contract.MODEL_PACKAGE_ARN_FILE).write_text(arn + "\n", "utf-8")


def _image(region: str) -> str:
    try:
        return serving_image.uri(region)
    except KeyError as error:
        raise InputError(
            f"AWS publishes no scikit-learn serving image in {region}. Set aws:region to another"
        ) from error


def main() -> None:
    """Read the environment and run the stage in the current directory."""
    build = BuildEnvironment.read(os.environ)
    s3, sagemaker = entry.client("s3"), entry.client("sagemaker")
    jobs = None
    if is_asked_for(os.environ):
        signal.signal(signal.SIGTERM, entry.interrupted)
        settings, logs = JobSettings.read(os.environ), entry.client("logs")
        jobs = TrainingJobs(settings=settings, s3=s3, sagemaker=sagemaker, logs=logs, say=entry.say)
    create_model_package(build, s3=s3, sagemaker=sagemaker, out=Path.cwd(), jobs=jobs)


if __name__ == "__main__":
    sys.exit(entry.run(main))
