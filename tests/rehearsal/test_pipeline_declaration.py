"""What CodePipeline refuses when a pipeline is created."""

import json
from typing import Any

import pytest

from rehearsal.account.calls import AwsError
from rehearsal.pipeline.pipeline_declaration import check_declaration
from tests.rehearsal.pipeline_account import approval, build, connected, declaration, judge, source, trigger


def good() -> dict[str, Any]:
    """Return a declaration that has everything that the rules are about."""
    deploy = build(
        "deploy",
        {"ARN": "#{Train.ARN}", "EXECUTION": "#{codepipeline.PipelineExecutionId}"},
        takes=["Source", "Model"],
        configuration={"PrimarySource": "Source"},
    )
    train = build("train", makes=["Model"], namespace="Train")
    return declaration("p", [source()], [train], [judge("#{Train.ARN}")], [approval(timeoutInMinutes=5)], [deploy])


def test_sound_declaration_is_accepted() -> None:
    check_declaration(good())


def test_declared_variables_and_triggers_by_branch_are_accepted() -> None:
    train = build("b", {"RELEASE": "#{variables.RELEASE}"})
    pipeline = declaration("p", [connected("ada/models")], [train])
    check_declaration({**pipeline, "variables": [{"name": "RELEASE"}], "triggers": [trigger(includes=["main"])]})


def _with(stage: int, **changes: Any) -> dict[str, Any]:
    pipeline = good()
    pipeline["stages"][stage]["actions"][0].update(changes)
    return pipeline


def _configured(stage: int, **changes: str | None) -> dict[str, Any]:
    pipeline = good()
    configuration = pipeline["stages"][stage]["actions"][0]["configuration"]
    configuration.update(changes)
    for key in [key for key, value in configuration.items() if value is None]:
        del configuration[key]
    return pipeline


def _kind(**changes: str) -> dict[str, Any]:
    return _with(
        1, actionTypeId={"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1", **changes}
    )


def _triggered(*triggers: dict[str, Any]) -> dict[str, Any]:
    return {**declaration("p", [connected("ada/models")], [build("b")]), "triggers": list(triggers)}


_STRUCTURE, _ACTION = "InvalidStructureException", "InvalidActionDeclarationException"
_STAGE, _VALUE = "InvalidStageDeclarationException", "ValidationException"
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "one stage": (declaration("p", [source()]), _STRUCTURE, "minimum of 2"),
    "a mode that is not played": ({**good(), "executionMode": "QUEUED"}, _STRUCTURE, "QUEUED"),
    "a first stage that builds": (
        declaration("p", [build("b", takes=[])], [judge()]),
        _STRUCTURE,
        "only contains source",
    ),
    "a first stage of source and build": (
        declaration("p", [source(), build("b", runOrder=2)], [judge()]),
        _STRUCTURE,
        "only contains source",
    ),
    "a later source": (declaration("p", [source()], [source(makes=["More"])]), _STRUCTURE, "S2: source actions"),
    "an empty stage": (declaration("p", [source()], []), _STAGE, "S2 has no actions"),
    "two stages of one name": ({**good(), "stages": [*good()["stages"], good()["stages"][1]]}, _STRUCTURE, "name S2"),
    "two actions of one name": (declaration("p", [source()], [judge(), judge()]), _STRUCTURE, "action name Judge"),
    "an unknown provider": (_kind(provider="Jenkins"), _ACTION, "Jenkins"),
    "a provider in the wrong category": (_kind(category="Deploy"), _ACTION, "AWS/Deploy/CodeBuild/1"),
    "a provider of another owner": (_kind(owner="Custom"), _ACTION, "Custom"),
    "a missing configuration key": (
        _configured(1, ProjectName=None),
        _ACTION,
        "missing required configuration ProjectName",
    ),
    "an unknown configuration key": (_configured(1, Projectname="x"), _ACTION, "unknown configuration Projectname"),
    "a configuration value of 1001 characters": (_configured(2, UserParameters="x" * 1001), _VALUE, "1001 characters"),
    "an empty configuration value": (_configured(2, UserParameters=""), _VALUE, "has 0 characters"),
    "a source format that is not played": (
        _configured(0, OutputArtifactFormat="CODEBUILD_CLONE_REF"),
        _ACTION,
        "CODE_ZIP",
    ),
    "several inputs without a primary": (_configured(4, PrimarySource=None), _ACTION, "PrimarySource"),
    "a primary that is no input": (_configured(4, PrimarySource="Other"), _ACTION, "PrimarySource"),
    "an environment that is no JSON": (_configured(1, EnvironmentVariables="A=1"), _ACTION, "JSON array"),
    "an environment that is no list of variables": (
        _configured(1, EnvironmentVariables=json.dumps([{"name": "A"}])),
        _ACTION,
        "JSON array",
    ),
    "an environment variable with an unknown key": (
        _configured(1, EnvironmentVariables=json.dumps([{"name": "A", "value": "1", "kind": "x"}])),
        _ACTION,
        "JSON array",
    ),
    "a build without input": (_with(1, inputArtifacts=[]), _ACTION, "0 inputArtifacts; allowed: 1 to 5"),
    "an approval with input": (_with(3, inputArtifacts=[{"name": "Source"}]), _ACTION, "1 inputArtifacts"),
    "a source with two outputs": (
        _with(0, outputArtifacts=[{"name": "A"}, {"name": "B"}]),
        _ACTION,
        "2 outputArtifacts",
    ),
    "an input that nobody made": (_with(1, inputArtifacts=[{"name": "Sauce"}]), _ACTION, "Sauce in action train"),
    "an input that is made beside it": (
        declaration("p", [source()], [build("a", makes=["A"]), build("b", takes=["A"])]),
        _ACTION,
        "A in action b",
    ),
    "an output made twice": (
        _with(1, outputArtifacts=[{"name": "Source"}]),
        _ACTION,
        "Source has been used more than once",
    ),
    "a variable of no namespace": (_configured(2, UserParameters="#{Tain.ARN}"), _STRUCTURE, "#{Tain.ARN}"),
    "a variable of a later action": (_configured(1, ProjectName="#{Deploy.X}"), _STRUCTURE, "#{Deploy.X}"),
    "a variable of its own": (_configured(1, ProjectName="#{Train.ARN}"), _STRUCTURE, "#{Train.ARN}"),
    "a malformed variable": (_configured(2, UserParameters="#{Train}"), _STRUCTURE, "malformed"),
    "a namespace used twice": (_with(2, namespace="Train"), _STRUCTURE, "Namespace Train"),
    "the pipeline's own namespace": (_with(2, namespace="codepipeline"), _STRUCTURE, "Namespace codepipeline"),
    "a variable that the pipeline does not declare": (
        {**_configured(2, UserParameters="#{variables.OTHER}"), "variables": [{"name": "RELEASE"}]},
        _STRUCTURE,
        "#{variables.OTHER} is no variable",
    ),
    "a variable declared twice": (
        {**good(), "variables": [{"name": "RELEASE"}, {"name": "RELEASE"}]},
        _STRUCTURE,
        "variable name RELEASE",
    ),
    "variables of an old pipeline": (
        {**good(), "variables": [{"name": "RELEASE"}], "pipelineType": "V1"},
        _STRUCTURE,
        "variables are not supported",
    ),
    "the variables' own namespace": (_with(2, namespace="variables"), _STRUCTURE, "Namespace variables"),
    "a connection that is none": (
        declaration("p", [connected("ada/models", ConnectionArn="arn:aws:iam::1:role/r")], [build("b")]),
        _ACTION,
        "is not the ARN of a connection",
    ),
    "triggers of an old pipeline": (
        {**_triggered(trigger()), "pipelineType": "V1"},
        _STRUCTURE,
        "triggers are not supported",
    ),
    "a trigger on CodeCommit": ({**good(), "triggers": [trigger()]}, _STRUCTURE, "names Source, which is no source"),
    "two triggers on one source": (_triggered(trigger(), trigger()), _STRUCTURE, "more than one trigger"),
    "a trigger on pull requests": (
        _triggered({**trigger(), "gitConfiguration": {"sourceActionName": "Source", "pullRequest": [{}]}}),
        _STRUCTURE,
        "only pushes are rehearsed",
    ),
    "a trigger on tags": (
        _triggered(
            {**trigger(), "gitConfiguration": {"sourceActionName": "Source", "push": [{"tags": {"includes": ["v1"]}}]}}
        ),
        _STRUCTURE,
        "only filters by branch are rehearsed, got tags",
    ),
    "a trigger on no branch": (_triggered(trigger(includes=[])), _STRUCTURE, "includes or excludes some"),
    "a timeout on a build": (_with(1, timeoutInMinutes=5), _ACTION, "only for manual approvals"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_creation_refuses(case: str) -> None:
    pipeline, code, text = REFUSED[case]
    with pytest.raises(AwsError) as refusal:
        check_declaration(pipeline)
    assert refusal.value.code == code
    assert text in refusal.value.message
