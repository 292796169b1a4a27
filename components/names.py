"""Every physical name of one stack, made from its settings and checked against AWS's limits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Self

from components.settings import Commands, Problem, Settings, SettingsError
from ml import catalogue, contract, serving_image


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What AWS accepts as the name of one kind of thing."""

    most_characters: int
    pattern: str


_LETTERS_DIGITS_HYPHENS = r"[A-Za-z0-9](-*[A-Za-z0-9])*"
_POLICY = Limit(most_characters=128, pattern=r"[\w+=,.@-]+")
_ROLE = Limit(most_characters=64, pattern=r"[\w+=,.@-]+")
_RULE = Limit(most_characters=64, pattern=r"[\w.-]+")
_PROJECT = Limit(most_characters=150, pattern=r"[A-Za-z0-9][\w-]+")
_PIPELINE = Limit(most_characters=100, pattern=r"[\w.@-]+")
_FUNCTION = Limit(most_characters=64, pattern=r"[\w-]+")
_REPOSITORY = Limit(most_characters=100, pattern=r"[\w.-]+(?<!\.git)")
_GROUP = Limit(most_characters=63, pattern=_LETTERS_DIGITS_HYPHENS)
_KEY_ALIAS = Limit(most_characters=256, pattern=r"alias/(?!aws/)[\w/-]+")
_QUEUE = Limit(most_characters=80, pattern=r"[\w-]+")
_TOPIC = Limit(most_characters=256, pattern=r"[\w-]+")
_ALARM = Limit(most_characters=255, pattern=r"[\w-]+")
_DASHBOARD = Limit(most_characters=255, pattern=r"[\w-]+")
_TRAIL = Limit(most_characters=128, pattern=r"[A-Za-z0-9]([._-]?[A-Za-z0-9])+")
_TEMPLATE = Limit(most_characters=100, pattern=r"[\w-]+")
_BUCKET = Limit(most_characters=63, pattern=r"[a-z0-9][a-z0-9-]+[a-z0-9]")

# A model and an endpoint configuration are named after the endpoint and have 63 characters too: 24 are left to them
# after the separator.
_ENDPOINT = Limit(most_characters=63 - len(contract.VERSION_SEPARATOR) - 24, pattern=_LETTERS_DIGITS_HYPHENS)


def _named(template: str, limit: Limit) -> Any:
    """Describe a name: how it is made, and what AWS accepts."""
    return field(metadata={"template": template, "limit": limit})


@dataclass(frozen=True, kw_only=True)
class Names:
    """Physical names of one stack. Two stacks with different suffixes share none of them."""

    account: str
    region: str
    pipeline: str = _named("mle-004-model-registry-pipeline{suffix}", _PIPELINE)
    train_project: str = _named("train-model{suffix}", _PROJECT)
    deploy_project: str = _named("deploy-model{suffix}", _PROJECT)
    approval_function: str = _named("mle-004-auto-approve-model{suffix}", _FUNCTION)
    bridge_function: str = _named("mle-004-approval-bridge{suffix}", _FUNCTION)
    registry_rule: str = _named("mle-004-model-registry-rule{suffix}", _RULE)
    push_rule: str = _named("mle-004-source-push-rule{suffix}", _RULE)
    decision_rule: str = _named("mle-004-registry-decision-rule{suffix}", _RULE)
    waiting_rule: str = _named("mle-004-approval-state-rule{suffix}", _RULE)
    age_rule: str = _named("mle-004-approval-age-rule{suffix}", _RULE)
    pipeline_failed_rule: str = _named("mle-004-pipeline-failed-rule{suffix}", _RULE)
    repository: str = _named("model-registry-pipeline-repo{suffix}", _REPOSITORY)
    approval_rule_template: str = _named("mle-004-review{suffix}", _TEMPLATE)
    branch_guard: str = _named("mle-004-branch-guard{suffix}", _POLICY)
    model_package_group: str = _named("{group}{suffix}", _GROUP)
    endpoint: str = _named("mle-004-{use_case}{suffix}", _ENDPOINT)
    artifact_bucket: str = _named("mle-004-artifacts{suffix}-{place}", _BUCKET)
    model_bucket: str = _named("mle-004-models{suffix}-{place}", _BUCKET)
    access_log_bucket: str = _named("mle-004-logs{suffix}-{place}", _BUCKET)
    trail_bucket: str = _named("mle-004-trail{suffix}-{place}", _BUCKET)
    key_alias: str = _named("alias/mle-004{suffix}", _KEY_ALIAS)
    dead_letter_queue: str = _named("mle-004-auto-approve-dead-letters{suffix}", _QUEUE)
    push_dead_letter_queue: str = _named("mle-004-source-push-dead-letters{suffix}", _QUEUE)
    bridge_dead_letter_queue: str = _named("mle-004-approval-bridge-dead-letters{suffix}", _QUEUE)
    approvals_topic: str = _named("mle-004-approvals{suffix}", _TOPIC)
    alarms_topic: str = _named("mle-004-alarms{suffix}", _TOPIC)
    trail: str = _named("mle-004-trail{suffix}", _TRAIL)
    dashboard: str = _named("mle-004-model-registry-pipeline{suffix}", _DASHBOARD)
    pipeline_failed_alarm: str = _named("mle-004-pipeline-failed{suffix}", _ALARM)
    decision_failed_alarm: str = _named("mle-004-decision-failed{suffix}", _ALARM)
    bridge_failed_alarm: str = _named("mle-004-bridge-failed{suffix}", _ALARM)
    dead_letters_alarm: str = _named("mle-004-dead-letters{suffix}", _ALARM)
    push_dead_letters_alarm: str = _named("mle-004-push-dead-letters{suffix}", _ALARM)
    bridge_dead_letters_alarm: str = _named("mle-004-bridge-dead-letters{suffix}", _ALARM)
    approval_age_alarm: str = _named("mle-004-approval-age{suffix}", _ALARM)
    endpoint_errors_alarm: str = _named("mle-004-endpoint-errors{suffix}", _ALARM)
    endpoint_latency_alarm: str = _named("mle-004-endpoint-latency{suffix}", _ALARM)
    pipeline_role: str = _named("CodePipeline-MLE-004-Role{suffix}", _ROLE)
    train_role: str = _named("CodeBuildTrainRole{suffix}", _ROLE)
    deploy_role: str = _named("CodeBuildDeployRole{suffix}", _ROLE)
    execution_role: str = _named("SageMaker-MLE-004-Role{suffix}", _ROLE)
    approval_role: str = _named("Lambda-AutoApprove-Role{suffix}", _ROLE)
    bridge_role: str = _named("Lambda-ApprovalBridge-Role{suffix}", _ROLE)
    trigger_role: str = _named("EventBridge-MLE-004-Role{suffix}", _ROLE)
    trail_role: str = _named("CloudTrail-MLE-004-Role{suffix}", _ROLE)

    @classmethod
    def of(cls, settings: Settings, *, account: str, region: str) -> Self:
        """Make the names of the stack that has these settings. Raises SettingsError when AWS would refuse one."""
        parts = {
            "suffix": settings.name_suffix,
            "place": f"{account}-{region}",
            "group": settings.model_package_group,
            "use_case": settings.use_case.replace("_", "-"),
        }
        made = {each.name: each.metadata["template"].format(**parts) for each in fields(cls) if each.metadata}
        names = cls(account=account, region=region, **made)
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
    def bridge_log_group(self) -> str:
        """The bridge function's log group."""
        return f"/aws/lambda/{self.bridge_function}"

    @property
    def endpoint_log_group(self) -> str:
        """The log group that SageMaker writes the endpoint's containers' output to."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def trail_log_group(self) -> str:
        """The log group that the stack's own trail writes to."""
        return f"/aws/cloudtrail/{self.trail}"

    @property
    def pipeline_console_url(self) -> str:
        """Where a person watches the pipeline."""
        return f"{self._pipeline_console}/view?region={self.region}"

    def execution_console_url(self, execution_id: str) -> str:
        """Return where a person sees one execution: its commit, its builds' logs, and what they exported."""
        return f"{self._pipeline_console}/executions/{execution_id}/visualization?region={self.region}"

    @property
    def _pipeline_console(self) -> str:
        return f"https://{self.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{self.pipeline}"


LIMITS: Mapping[str, Limit] = MappingProxyType(
    {each.name: each.metadata["limit"] for each in fields(Names) if each.metadata}
)
"""Limits of each name that this program makes, from the API models and the user guides of the services."""


def build_log_group(project_name: str) -> str:
    """Return the name of a build project's log group: CodeBuild's own default."""
    return f"/aws/codebuild/{project_name}"


def _region_problems(names: Names, settings: Settings) -> Iterator[Problem]:
    if names.region not in serving_image.ACCOUNTS:
        yield Problem(
            what=f"aws:region = {names.region!r} is not a region in which AWS publishes the serving image",
            repair=Commands(stack=settings.stack).set("aws:region", "us-east-1"),
        )


def _limit_problems(names: Names, settings: Settings) -> Iterator[Problem]:
    for key, limit in LIMITS.items():
        name, kind = getattr(names, key), key.replace("_", " ")
        setting, shorter = _origin(key, settings)
        if len(name) > limit.most_characters:
            what = f"the {kind} {name!r} has {len(name)} characters, AWS accepts {limit.most_characters}"
        elif not re.fullmatch(limit.pattern, name, re.ASCII):
            what = f"the {kind} {name!r} is no name that AWS accepts"
        else:
            continue
        yield Problem(
            what=f"{what}: {setting} makes it so", repair=Commands(stack=settings.stack).set(setting, shorter)
        )


def _origin(key: str, settings: Settings) -> tuple[str, str]:
    """Return the setting that decides how long this name is, and a shorter value for it."""
    usual_group = catalogue.USE_CASES[settings.use_case].model_package_group
    if key == "model_package_group" and len(settings.model_package_group) > len(usual_group):
        return "modelPackageGroup", usual_group
    return "nameSuffix", settings.name_suffix[:8].rstrip("-")
