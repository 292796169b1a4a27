"""Every physical name of one stack, made from its settings and checked against AWS's limits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from components.setting_rules import Commands, Problem, SettingsError
from components.settings import Settings
from ml import contract


@dataclass(frozen=True, kw_only=True)
class Names:
    """Physical names of one stack. Two stacks with different suffixes share none of them."""

    account: str
    region: str
    pipeline: str
    train_project: str
    deploy_project: str
    approval_function: str
    registry_rule: str
    push_rule: str
    repository: str
    model_package_group: str
    endpoint: str
    artifact_bucket: str
    model_bucket: str
    key_alias: str
    dead_letter_queue: str
    pipeline_role: str
    train_role: str
    deploy_role: str
    execution_role: str
    approval_role: str
    trigger_role: str

    @classmethod
    def of(cls, settings: Settings, *, account: str, region: str) -> Self:
        """Make the names of the stack that has these settings. Raises SettingsError when AWS would refuse one."""
        suffix = settings.name_suffix
        place = f"{account}-{region}"
        names = cls(
            account=account,
            region=region,
            pipeline=f"mle-004-model-registry-pipeline{suffix}",
            train_project=f"train-model{suffix}",
            deploy_project=f"deploy-model{suffix}",
            approval_function=f"mle-004-auto-approve-model{suffix}",
            registry_rule=f"mle-004-model-registry-rule{suffix}",
            push_rule=f"mle-004-source-push-rule{suffix}",
            repository=f"model-registry-pipeline-repo{suffix}",
            model_package_group=f"{settings.model_package_group}{suffix}",
            endpoint=f"mle-004-{settings.use_case.replace('_', '-')}{suffix}",
            artifact_bucket=f"mle-004-artifacts{suffix}-{place}",
            model_bucket=f"mle-004-models{suffix}-{place}",
            key_alias=f"alias/mle-004{suffix}",
            dead_letter_queue=f"mle-004-auto-approve-dead-letters{suffix}",
            pipeline_role=f"CodePipeline-MLE-004-Role{suffix}",
            train_role=f"CodeBuildTrainRole{suffix}",
            deploy_role=f"CodeBuildDeployRole{suffix}",
            execution_role=f"SageMaker-MLE-004-Role{suffix}",
            approval_role=f"Lambda-AutoApprove-Role{suffix}",
            trigger_role=f"EventBridge-MLE-004-Role{suffix}",
        )
        problems = [*_region_problems(names, settings), *_limit_problems(names, settings)]
        if problems:
            raise SettingsError(problems, project=settings.project, stack=settings.stack)
        return names

    @property
    def train_log_group(self) -> str:
        """The train build's log group."""
        return build_log_group(self.train_project)

    @property
    def deploy_log_group(self) -> str:
        """The deploy build's log group."""
        return build_log_group(self.deploy_project)

    @property
    def approval_log_group(self) -> str:
        """The approval function's log group: Lambda's own default name."""
        return f"/aws/lambda/{self.approval_function}"

    @property
    def endpoint_log_group(self) -> str:
        """The log group that SageMaker writes the endpoint's containers' output to."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def pipeline_console_url(self) -> str:
        """Where a person watches the pipeline."""
        console = f"https://{self.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines"
        return f"{console}/{self.pipeline}/view?region={self.region}"


def build_log_group(project_name: str) -> str:
    """Return the name of a build project's log group: CodeBuild's own default."""
    return f"/aws/codebuild/{project_name}"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What AWS accepts as the name of one kind of thing."""

    most_characters: int
    pattern: str


_LETTERS_DIGITS_HYPHENS = r"[A-Za-z0-9](-*[A-Za-z0-9])*"
_ROLE = Limit(most_characters=64, pattern=r"[\w+=,.@-]+")
_RULE = Limit(most_characters=64, pattern=r"[\w.-]+")
_PROJECT = Limit(most_characters=150, pattern=r"[A-Za-z0-9][\w-]+")
_BUCKET = Limit(most_characters=63, pattern=r"[a-z0-9][a-z0-9-]+[a-z0-9]")

# A model and an endpoint configuration are named after the endpoint and have 63 characters too: 24 are left to them
# after the separator.
_ENDPOINT = Limit(most_characters=63 - len(contract.VERSION_SEPARATOR) - 24, pattern=_LETTERS_DIGITS_HYPHENS)

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "pipeline": Limit(most_characters=100, pattern=r"[\w.@-]+"),
        "train_project": _PROJECT,
        "deploy_project": _PROJECT,
        "approval_function": Limit(most_characters=64, pattern=r"[\w-]+"),
        "registry_rule": _RULE,
        "push_rule": _RULE,
        "repository": Limit(most_characters=100, pattern=r"[\w.-]+(?<!\.git)"),
        "model_package_group": Limit(most_characters=63, pattern=_LETTERS_DIGITS_HYPHENS),
        "endpoint": _ENDPOINT,
        "artifact_bucket": _BUCKET,
        "model_bucket": _BUCKET,
        "key_alias": Limit(most_characters=256, pattern=r"alias/(?!aws/)[\w/-]+"),
        "dead_letter_queue": Limit(most_characters=80, pattern=r"[\w-]+"),
        "pipeline_role": _ROLE,
        "train_role": _ROLE,
        "deploy_role": _ROLE,
        "execution_role": _ROLE,
        "approval_role": _ROLE,
        "trigger_role": _ROLE,
    }
)
"""Limits of each name that this program makes, from the API models and the user guides of the services."""


def _region_problems(names: Names, settings: Settings) -> Iterator[Problem]:
    if names.region not in contract.CONTAINER_ACCOUNTS:
        yield Problem(
            what=f"aws:region = {names.region!r} is not a region in which AWS publishes the serving image",
            repair=Commands(stack=settings.stack).set("aws:region", "us-east-1"),
        )


def _limit_problems(names: Names, settings: Settings) -> Iterator[Problem]:
    for field, limit in LIMITS.items():
        name, kind = getattr(names, field), field.replace("_", " ")
        setting, shorter = _origin(field, settings)
        if len(name) > limit.most_characters:
            what = f"the {kind} {name!r} has {len(name)} characters, AWS accepts {limit.most_characters}"
        elif not re.fullmatch(limit.pattern, name, re.ASCII):
            what = f"the {kind} {name!r} is no name that AWS accepts"
        else:
            continue
        yield Problem(
            what=f"{what}: {setting} makes it so", repair=Commands(stack=settings.stack).set(setting, shorter)
        )


def _origin(field: str, settings: Settings) -> tuple[str, str]:
    """Return the setting that decides how long this name is, and a shorter value for it."""
    usual_group = contract.USE_CASES[settings.use_case].model_package_group
    if field == "model_package_group" and len(settings.model_package_group) > len(usual_group):
        return "modelPackageGroup", usual_group
    return "nameSuffix", settings.name_suffix[:8].rstrip("-")
