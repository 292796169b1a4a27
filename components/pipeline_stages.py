"""The pipeline's stages as data: what each action runs, on which artifacts, and what it is told. No resources."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.names import Names
from components.settings import CODECONNECTIONS, Settings
from ml import contract

SOURCE_STAGE = "Source"
SOURCE_ACTION = "Source"
SOURCE_NAMESPACE = "SourceVariables"
BUILD_NAMESPACE = "BuildVariables"
CONNECTION_PROVIDER = "CodeStarSourceConnection"
"""CodePipeline's name of sources that are reached through CodeConnections: it has kept that service's old name."""

_EXECUTION_ID = "#{codepipeline.PipelineExecutionId}"
_PER_EXECUTION = {
    contract.PIPELINE_EXECUTION_ID: _EXECUTION_ID,
    contract.COMMIT_ID: f"#{{{SOURCE_NAMESPACE}.CommitId}}",
    contract.PIPELINE_VARIABLE: f"#{{variables.{contract.PIPELINE_VARIABLE}}}",
}
_PACKAGE_ARN = f"#{{{BUILD_NAMESPACE}.{contract.MODEL_PACKAGE_ARN}}}"


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action of AWS's own. Variables that it makes are readable by later actions as #{namespace.name}."""

    name: str
    category: str
    provider: str
    configuration: Mapping[str, pulumi.Input[str]]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    namespace: str | None = None
    timeout_minutes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage. Its actions run one after the other; the first that fails ends it."""

    name: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, kw_only=True)
class Called:
    """What the actions call, by name. None for what these settings do not have."""

    train_project: pulumi.Input[str]
    deploy_project: pulumi.Input[str]
    repository_name: pulumi.Input[str] | None
    """With CodeCommit; a connection's repository is in the settings."""
    approval_function: pulumi.Input[str] | None
    """Where metrics are judged."""
    bridge_function: pulumi.Input[str] | None
    approvals_topic: pulumi.Input[str] | None
    """ARN. This and the bridge function where a person is asked."""


def stages(names: Names, settings: Settings, called: Called) -> tuple[Stage, ...]:
    """Return the four stages in order. Raises ValueError when the settings need something that `called` lacks."""
    return (
        Stage(name=SOURCE_STAGE, actions=(_source(settings, called),)),
        Stage(name=contract.BUILD_STAGE, actions=(_train(names, settings, called),)),
        _approval(names, settings, called),
        Stage(name="Deploy", actions=(_deploy(called),)),
    )


def _source(settings: Settings, called: Called) -> Action:
    source = settings.source
    # Absent, DetectChanges and PollForSourceChanges mean true, and then each push would start the pipeline twice: the
    # trigger, or the rule of EventBridge, starts it as well.
    configuration: dict[str, pulumi.Input[str]]
    if source.provider == CODECONNECTIONS:
        provider = CONNECTION_PROVIDER
        configuration = {
            "ConnectionArn": source.connection_arn,
            "FullRepositoryId": source.repository,
            "BranchName": source.branch,
            "DetectChanges": "false",
        }
    else:
        provider = "CodeCommit"
        configuration = {
            "RepositoryName": _needed(called.repository_name, "repository_name"),
            "BranchName": source.branch,
            "PollForSourceChanges": "false",
        }
    return Action(
        name=SOURCE_ACTION,
        category="Source",
        provider=provider,
        configuration=configuration,
        outputs=(contract.SOURCE_ARTIFACT,),
        namespace=SOURCE_NAMESPACE,
    )


def _train(names: Names, settings: Settings, called: Called) -> Action:
    repository = "FullRepositoryName" if settings.source.provider == CODECONNECTIONS else "RepositoryName"
    variables = {
        **_PER_EXECUTION,
        contract.REPOSITORY_NAME: f"#{{{SOURCE_NAMESPACE}.{repository}}}",
        contract.EXECUTION_URL: names.execution_console_url(_EXECUTION_ID),
    }
    return Action(
        name=contract.TRAIN_ACTION,
        category="Build",
        provider="CodeBuild",
        configuration={"ProjectName": called.train_project, "EnvironmentVariables": _environment(variables)},
        inputs=(contract.SOURCE_ARTIFACT,),
        outputs=(contract.BUILD_ARTIFACT,),
        namespace=BUILD_NAMESPACE,
    )


def _deploy(called: Called) -> Action:
    variables = {
        **_PER_EXECUTION,
        contract.MODEL_PACKAGE_ARN: _PACKAGE_ARN,
        # An older version than the one in service is deployed only where somebody asked for it.
        contract.PIPELINE_VARIABLE: f"#{{variables.{contract.PIPELINE_VARIABLE}}}",
    }
    return Action(
        name="DeployModel",
        category="Build",
        provider="CodeBuild",
        configuration={
            "ProjectName": called.deploy_project,
            # The buildspec lies in the commit; the other input only tells which version was built.
            "PrimarySource": contract.SOURCE_ARTIFACT,
            "EnvironmentVariables": _environment(variables),
        },
        inputs=(contract.SOURCE_ARTIFACT, contract.BUILD_ARTIFACT),
    )


def _approval(names: Names, settings: Settings, called: Called) -> Stage:
    """Return the stage in which metrics, a person, or one after the other decide about exactly the version built."""
    judge, ask = settings.approval.judges_metrics, settings.approval.asks_person
    actions: list[Action] = []
    if judge:
        function = _needed(called.approval_function, "approval_function")
        actions.append(_invoke(contract.AUTO_APPROVAL_ACTION, function))
    if ask:
        bridge = _needed(called.bridge_function, "bridge_function")
        actions += [_person(names, settings, called), _invoke(contract.RECORD_ACTION, bridge)]
    return Stage(name=contract.APPROVAL_STAGE if ask else contract.AUTO_APPROVAL_STAGE, actions=tuple(actions))


def _person(names: Names, settings: Settings, called: Called) -> Action:
    return Action(
        name=contract.MANUAL_APPROVAL_ACTION,
        category="Approval",
        provider="Manual",
        configuration={
            "NotificationArn": _needed(called.approvals_topic, "approvals_topic"),
            "CustomData": f"#{{{BUILD_NAMESPACE}.{contract.MODEL_SUMMARY}}}",
            # The report of the version, or the execution's page for one that has none.
            "ExternalEntityLink": f"#{{{BUILD_NAMESPACE}.{contract.MODEL_REPORT_URL}}}",
        },
        timeout_minutes=settings.approval.timeout_minutes,
    )


def _invoke(name: str, function_name: pulumi.Input[str]) -> Action:
    return Action(
        name=name,
        category="Invoke",
        provider="Lambda",
        configuration={
            "FunctionName": function_name,
            "UserParameters": json.dumps({contract.JOB_MODEL_PACKAGE_ARN: _PACKAGE_ARN}),
        },
    )


def _environment(variables: Mapping[str, str]) -> str:
    return json.dumps([{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in variables.items()])


def _needed(value: pulumi.Input[str] | None, name: str) -> pulumi.Input[str]:
    if value is None:
        raise ValueError(f"the pipeline of these settings calls something that is missing: Called.{name}")
    return value
