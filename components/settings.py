"""The choices of one stack, typed and checked. The only reader of pulumi.Config."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from components import setting_rules as rules
from components.setting_rules import Commands, Problem, Section, SettingsError
from ml import contract

AUTOMATED = "automated"
MANUAL = "manual"
PROTECTED_STACK = "prod"

NAME_SUFFIX_PATTERN = r"(-[a-z0-9]+)*"
"""A suffix without two hyphens in a row: no stack's name patterns can then reach into another stack."""

DEFAULT_THRESHOLDS: Mapping[str, float] = MappingProxyType({"accuracy": 0.85})
DEFAULT_INSTANCE_TYPE = "ml.m5.large"
INSTANCE_COUNT_MOST = 100
APPROVAL_TIMEOUT_MINUTES = (5, 86_400)
"""What CodePipeline accepts as the timeout of a manual approval, in minutes."""

COMPUTE_TYPES = tuple(f"BUILD_GENERAL1_{size}" for size in ("SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE"))
"""What CodeBuild offers for a Linux container on x86 (CodeBuild user guide, build environment compute types)."""

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The retentions that CloudWatch Logs accepts, in days (PutRetentionPolicy)."""

_ARM_FAMILY = re.compile(r"[a-z]+\d+g|p6e-gb")
_BRANCH = r"(?!refs/)(?!.*(\.\.|//|/\.|\.lock$))[A-Za-z0-9][\w./+-]{0,254}(?<![/.])"
_DATA_URI = r"(s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9]/[\w!./'()=+@:,-]+\.(csv|parquet))?"
_GROUP = r"[A-Za-z0-9](-*[A-Za-z0-9])*"


@dataclass(frozen=True, kw_only=True)
class ApprovalSettings:
    """Who decides whether a model goes live, and how long the pipeline waits for a person."""

    mode: str
    timeout_minutes: int


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Which branch's pushes start the pipeline."""

    branch: str


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Where and on what a model is trained. An empty data URI means the use case's synthetic data."""

    compute_type: str
    image: str
    data_uri: str
    target: str


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """What serves the model."""

    instance_type: str
    instance_count: int


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """How long the logs are kept."""

    retention_days: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every choice of one stack."""

    project: str
    stack: str
    name_suffix: str
    use_case: str
    model_package_group: str
    thresholds: Mapping[str, float]
    approval: ApprovalSettings
    source: SourceSettings
    training: TrainingSettings
    endpoint: EndpointSettings
    audit: AuditSettings
    protect_data: bool

    @classmethod
    def from_config(cls) -> Self:
        """Read the running stack's configuration. Raises SettingsError."""
        config = pulumi.Config()
        prefix = f"{config.name}:"
        # pulumi.Config answers questions about known keys only; misspelt ones show in these two maps.
        keys = [key for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)]
        values = {key.removeprefix(prefix): config.get(key.removeprefix(prefix)) for key in keys}
        return cls.parse(values, stack=pulumi.get_stack(), project=pulumi.get_project())

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, stack: str, project: str) -> Self:
        """Check `values` (keys without the project's name; maps as such or as JSON text). Raises SettingsError."""
        problems: list[Problem] = []
        root = Section(values, commands=Commands(stack=stack), problems=problems)
        use_case = root.read("useCase", rules.one_of(contract.USE_CASES), contract.DEFAULT_USE_CASE)
        known = contract.USE_CASES[use_case]
        settings = cls(
            project=project,
            stack=stack,
            name_suffix=_name_suffix(root, stack),
            use_case=use_case,
            model_package_group=root.read(
                "modelPackageGroup", rules.text(_GROUP, "letters, digits and inner hyphens"), known.model_package_group
            ),
            thresholds=_thresholds(root),
            approval=_approval(root.section("approval")),
            source=_source(root.section("source")),
            training=_training(root.section("training"), known.target_column),
            endpoint=_endpoint(root.section("endpoint")),
            audit=_audit(root.section("audit")),
            protect_data=root.read("protectData", rules.flag, stack == PROTECTED_STACK),
        )
        root.finish()
        if problems:
            raise SettingsError(problems, project=project, stack=stack)
        return settings


def _name_suffix(root: Section, stack: str) -> str:
    rule = rules.text(NAME_SUFFIX_PATTERN, "empty, or lower-case words that each follow one hyphen")
    cleaned = "-".join(["", *re.findall(r"[a-z0-9]+", stack.lower())])
    suffix = root.read("nameSuffix", rule, f"-{stack}", example=cleaned)
    if "nameSuffix" not in root and not re.fullmatch(NAME_SUFFIX_PATTERN, suffix):
        root.report(
            f"nameSuffix must be set: the stack's name {stack!r} makes no part of an AWS name",
            root.commands.set("nameSuffix", cleaned),
        )
    return suffix


def _thresholds(root: Section) -> Mapping[str, float]:
    problems_before = len(root.problems)
    section = root.section("thresholds")
    if "thresholds" not in root:
        return DEFAULT_THRESHOLDS
    limits = {
        name: section.read(name, rules.number(metric.low, metric.high), _example_limit(metric))
        for name, metric in contract.METRICS.items()
    }
    section.finish("metric")
    if not section and len(root.problems) == problems_before:
        name, limit = next(iter(DEFAULT_THRESHOLDS.items()))
        root.report("thresholds is empty: nothing would be judged", root.commands.set(f"thresholds.{name}", limit))
    return {name: limit for name, limit in limits.items() if name in section}


def _example_limit(metric: contract.Metric) -> float:
    return 0.85 if metric.higher_is_better else 0.2


def _approval(section: Section) -> ApprovalSettings:
    settings = ApprovalSettings(
        mode=section.read("mode", rules.one_of((AUTOMATED, MANUAL)), AUTOMATED),
        timeout_minutes=section.read("timeoutMinutes", rules.whole(*APPROVAL_TIMEOUT_MINUTES), 10_080),
    )
    section.finish()
    return settings


def _source(section: Section) -> SourceSettings:
    branch = section.read("branch", rules.text(_BRANCH, "the short name of a branch"), "main")
    section.finish()
    return SourceSettings(branch=branch)


def _training(section: Section, target_column: str) -> TrainingSettings:
    settings = TrainingSettings(
        compute_type=section.read("computeType", rules.one_of(COMPUTE_TYPES), COMPUTE_TYPES[0]),
        image=section.read("image", rules.text(r"\S+", "the name of a build image"), contract.BUILD_IMAGE),
        data_uri=section.read(
            "dataUri", rules.text(_DATA_URI, "empty or s3://bucket/key ending in .csv or .parquet"), ""
        ),
        target=section.read("target", rules.text(r"[^\r\n]*", "the name of a column"), "") or target_column,
    )
    section.finish()
    return settings


def _endpoint(section: Section) -> EndpointSettings:
    settings = EndpointSettings(
        instance_type=section.read("instanceType", _instance_type, DEFAULT_INSTANCE_TYPE),
        instance_count=section.read("instanceCount", rules.whole(1, INSTANCE_COUNT_MOST), 1),
    )
    section.finish()
    return settings


def _audit(section: Section) -> AuditSettings:
    days = section.read("retentionDays", rules.whole_of(RETENTION_DAYS), 365)
    section.finish()
    return AuditSettings(retention_days=days)


def _instance_type(value: Any) -> str:
    if not isinstance(value, str) or value not in _instance_types():
        raise ValueError("is not an instance type that SageMaker serves on, such as ml.m5.large")
    if _ARM_FAMILY.match(value.removeprefix("ml.")):
        raise ValueError("has an Arm processor; the serving image is built for x86")
    return value


@lru_cache(maxsize=1)
def _instance_types() -> frozenset[str]:
    # Half a second, so only when a stack chooses an instance type.
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    return frozenset(model.shape_for("ProductionVariantInstanceType").metadata["enum"])
