"""Refuse at creation what CodePipeline refuses at creation, and what the executor does not play.

Source: CodePipeline user guide, "Pipeline structure reference", "Action structure reference", "Variables reference"
and "Quotas"; botocore model for lengths and error codes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.account.calls import AwsError
from rehearsal.pipeline.pipeline_triggers import CONNECTION, check_triggers
from rehearsal.pipeline.pipeline_variables import (
    REFERENCE,
    RESERVED_NAMESPACES,
    VARIABLES_NAMESPACE,
    check_variables,
)

_CONNECTION_ARN = re.compile(r"arn:aws[\w-]*:(codestar-connections|codeconnections):[\w-]+:\d{12}:connection/[\w-]+")
_CONFIGURATION_VALUE_LENGTH = 1000
_FEWEST_STAGES = 2


@dataclass(frozen=True, kw_only=True)
class Provider:
    """What one action provider takes: its category, its configuration keys and how many artifacts."""

    category: str
    required: frozenset[str]
    optional: frozenset[str]
    inputs: range
    outputs: range


PROVIDERS: Mapping[str, Provider] = {
    "CodeCommit": Provider(
        category="Source",
        required=frozenset({"RepositoryName", "BranchName"}),
        optional=frozenset({"PollForSourceChanges", "OutputArtifactFormat"}),
        inputs=range(1),
        outputs=range(1, 2),
    ),
    CONNECTION: Provider(
        category="Source",
        required=frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        optional=frozenset({"DetectChanges", "OutputArtifactFormat"}),
        inputs=range(1),
        outputs=range(1, 2),
    ),
    "CodeBuild": Provider(
        category="Build",
        required=frozenset({"ProjectName"}),
        optional=frozenset({"PrimarySource", "EnvironmentVariables"}),
        inputs=range(1, 6),
        outputs=range(6),
    ),
    "Lambda": Provider(
        category="Invoke",
        required=frozenset({"FunctionName"}),
        optional=frozenset({"UserParameters"}),
        inputs=range(6),
        outputs=range(6),
    ),
    "Manual": Provider(
        category="Approval",
        required=frozenset(),
        optional=frozenset({"NotificationArn", "CustomData", "ExternalEntityLink"}),
        inputs=range(1),
        outputs=range(1),
    ),
}


def check_declaration(pipeline: Mapping[str, Any]) -> None:
    """Raise AwsError, with CodePipeline's code, for the first thing that AWS would not accept."""
    if pipeline["executionMode"] != "SUPERSEDED":
        raise _structure(f"executionMode {pipeline['executionMode']} is not rehearsed, only SUPERSEDED")
    stages = pipeline["stages"]
    if len(stages) < _FEWEST_STAGES:
        raise _structure(f"Pipeline has only {len(stages)} stage(s). There should be a minimum of {_FEWEST_STAGES}")
    for index, stage in enumerate(stages):
        _check_stage(stage, first=index == 0)
    _check_unique("stage", [stage["name"] for stage in stages])
    variables = check_variables(pipeline)
    produced: set[str] = set()
    namespaces = set(RESERVED_NAMESPACES)
    for actions in _groups(stages):
        for action in actions:
            _check_action(action)
            _check_inputs(action, produced)
            _check_references(action, namespaces, variables)
        for action in actions:
            _produce(action, produced, namespaces)
    check_triggers(pipeline)


def _check_stage(stage: Mapping[str, Any], *, first: bool) -> None:
    name, actions = stage["name"], stage["actions"]
    if not actions:
        raise AwsError("InvalidStageDeclarationException", f"Stage {name} has no actions")
    _check_unique("action", [action["name"] for action in actions])
    sources = [action["actionTypeId"]["category"] == "Source" for action in actions]
    if first and not all(sources):
        raise _structure("Pipeline should start with a stage that only contains source actions")
    if not first and any(sources):
        raise _structure(f"Stage {name}: source actions are only allowed in the first stage")


def _check_unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _structure(f"The {what} name {name} has been used more than once")


def _groups(stages: list[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the actions that run together, in the order in which the groups run."""
    for stage in stages:
        for order in sorted({action["runOrder"] for action in stage["actions"]}):
            yield [action for action in stage["actions"] if action["runOrder"] == order]


def _check_action(action: Mapping[str, Any]) -> None:
    name, kind = action["name"], action["actionTypeId"]
    provider = PROVIDERS.get(kind["provider"])
    if provider is None or (kind["category"], kind["owner"], kind["version"]) != (provider.category, "AWS", "1"):
        wanted = "/".join(kind[part] for part in ("owner", "category", "provider", "version"))
        raise _action(f"ActionType ({wanted}) in action {name} is not available. Known: {', '.join(PROVIDERS)}")
    keys = set(action["configuration"])
    if missing := provider.required - keys:
        raise _action(f"Action configuration for action {name} is missing required configuration {_words(missing)}")
    if unknown := keys - provider.required - provider.optional:
        raise _action(f"Action configuration for action {name} contains unknown configuration {_words(unknown)}")
    for what, allowed in (("inputArtifacts", provider.inputs), ("outputArtifacts", provider.outputs)):
        if len(action[what]) not in allowed:
            raise _action(f"Action {name} has {len(action[what])} {what}; allowed: {allowed[0]} to {allowed[-1]}")
    if "timeoutInMinutes" in action and provider.category != "Approval":
        raise _action(f"Action {name}: timeoutInMinutes is only for manual approvals")
    _check_configuration(name, action)


def _check_configuration(name: str, action: Mapping[str, Any]) -> None:
    configuration = action["configuration"]
    for key, value in configuration.items():
        if not 1 <= len(value) <= _CONFIGURATION_VALUE_LENGTH:
            raise AwsError(
                "ValidationException",
                f"Action {name}: {key} has {len(value)} characters; allowed: 1 to {_CONFIGURATION_VALUE_LENGTH}",
            )
    inputs = [artifact["name"] for artifact in action["inputArtifacts"]]
    primary = configuration.get("PrimarySource")
    if action["actionTypeId"]["provider"] == "CodeBuild" and len(inputs) > 1 and primary not in inputs:
        raise _action(f"Action {name} has {len(inputs)} input artifacts: PrimarySource must name one of them")
    if configuration.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
        raise _action(f"Action {name}: only OutputArtifactFormat CODE_ZIP is rehearsed")
    connection = configuration.get("ConnectionArn")
    if connection is not None and not _CONNECTION_ARN.fullmatch(connection):
        raise _action(f"Action {name}: {connection} is not the ARN of a connection")
    _check_environment(name, configuration.get("EnvironmentVariables", "[]"))


def _check_environment(name: str, text: str) -> None:
    try:
        variables = json.loads(text)
        well_formed = all({"name", "value"} <= set(each) <= {"name", "value", "type"} for each in variables)
    except (TypeError, ValueError):
        well_formed = False
    if not well_formed:
        raise _action(f"Action {name}: EnvironmentVariables is not a JSON array of objects with name, value and type")


def _check_inputs(action: Mapping[str, Any], produced: set[str]) -> None:
    for artifact in action["inputArtifacts"]:
        if artifact["name"] not in produced:
            raise _action(
                f"Input Artifact Bundle {artifact['name']} in action {action['name']} is not declared as Output "
                "Artifact Bundle in any of the preceding actions"
            )


def _check_references(action: Mapping[str, Any], namespaces: set[str], variables: frozenset[str]) -> None:
    for key, value in action["configuration"].items():
        if value.count("#{") != len(REFERENCE.findall(value)):
            raise _structure(f"Action {action['name']}: {key} holds a malformed variable reference: {value}")
        for reference in REFERENCE.finditer(value):
            if reference["namespace"] not in namespaces:
                raise _structure(
                    f"Action {action['name']}: {reference[0]} refers to a namespace that no preceding action declares"
                )
            if reference["namespace"] == VARIABLES_NAMESPACE and reference["name"] not in variables:
                raise _structure(f"Action {action['name']}: {reference[0]} is no variable of the pipeline")


def _produce(action: Mapping[str, Any], produced: set[str], namespaces: set[str]) -> None:
    for artifact in action["outputArtifacts"]:
        if artifact["name"] in produced:
            raise _action(
                f"Output Artifact Bundle name must be unique within the pipeline. {artifact['name']} has been used "
                "more than once"
            )
        produced.add(artifact["name"])
    if namespace := action.get("namespace"):
        if namespace in namespaces:
            raise _structure(f"Namespace {namespace} is used more than once or reserved")
        namespaces.add(namespace)


def _words(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _structure(text: str) -> AwsError:
    return AwsError("InvalidStructureException", text)


def _action(text: str) -> AwsError:
    return AwsError("InvalidActionDeclarationException", text)
