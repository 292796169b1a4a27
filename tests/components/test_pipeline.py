"""Pipeline: the brief's four stages, their artifacts and variables, in either approval mode."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ml import contract
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]


def actions(run: Recorded) -> dict[str, dict[str, Any]]:
    """Return each stage's one action, by stage name, in order."""
    stages = run.one("Pipeline").inputs["stages"]
    assert all(len(stage["actions"]) == 1 for stage in stages)
    return {stage["name"]: stage["actions"][0] for stage in stages}


def variables(action: dict[str, Any]) -> dict[str, str]:
    listed = json.loads(action["configuration"]["EnvironmentVariables"])
    assert {one["type"] for one in listed} == {"PLAINTEXT"}
    return {one["name"]: one["value"] for one in listed}


@pytest.mark.parametrize(
    ("stack", "stages"),
    [
        ("dev", {"Source": "Source", "Build": "TrainModel", "AutoApproval": "AutoApproval", "Deploy": "DeployModel"}),
        ("prod", {"Source": "Source", "Build": "TrainModel", "Approval": "ManualApproval", "Deploy": "DeployModel"}),
    ],
)
def test_four_stages_in_the_briefs_order(stack: str, stages: dict[str, str], recorded: Record) -> None:
    assert [(stage, one["name"]) for stage, one in actions(recorded(stack)).items()] == list(stages.items())


def test_a_newer_commit_supersedes_an_older_one(recorded: Record) -> None:
    pipeline = recorded().one("Pipeline").inputs
    assert (pipeline["pipelineType"], pipeline["executionMode"]) == ("V2", "SUPERSEDED")


def test_every_action_is_awss_own_in_version_one(recorded: Record) -> None:
    kinds = {stage: (one["category"], one["provider"]) for stage, one in actions(recorded()).items()}
    assert kinds == {
        "Source": ("Source", "CodeCommit"),
        "Build": ("Build", "CodeBuild"),
        "AutoApproval": ("Invoke", "Lambda"),
        "Deploy": ("Build", "CodeBuild"),
    }
    assert {(one["owner"], one["version"]) for one in actions(recorded()).values()} == {("AWS", "1")}


def test_artifacts_are_the_briefs_table(recorded: Record) -> None:
    given = {stage: one.get("inputArtifacts", []) for stage, one in actions(recorded()).items()}
    made = {stage: one.get("outputArtifacts", []) for stage, one in actions(recorded()).items()}
    assert given == {
        "Source": [],
        "Build": ["SourceArtifact"],
        "AutoApproval": [],
        "Deploy": ["SourceArtifact", "BuildArtifact"],
    }
    assert made == {"Source": ["SourceArtifact"], "Build": ["BuildArtifact"], "AutoApproval": [], "Deploy": []}


def test_deploys_commands_come_from_the_commit(recorded: Record) -> None:
    assert actions(recorded())["Deploy"]["configuration"]["PrimarySource"] == "SourceArtifact"


def test_each_build_stage_runs_its_own_project(recorded: Record) -> None:
    projects = {stage: one["configuration"].get("ProjectName") for stage, one in actions(recorded()).items()}
    assert (projects["Build"], projects["Deploy"]) == ("train-model", "deploy-model")


def test_train_is_told_the_execution_and_the_commit(recorded: Record) -> None:
    assert variables(actions(recorded())["Build"]) == {
        contract.PIPELINE_EXECUTION_ID: "#{codepipeline.PipelineExecutionId}",
        contract.COMMIT_ID: "#{SourceVariables.CommitId}",
        contract.REPOSITORY_NAME: "#{SourceVariables.RepositoryName}",
    }


def test_deploy_is_told_exactly_the_version_that_this_execution_built(recorded: Record) -> None:
    assert variables(actions(recorded())["Deploy"]) == {
        contract.PIPELINE_EXECUTION_ID: "#{codepipeline.PipelineExecutionId}",
        contract.COMMIT_ID: "#{SourceVariables.CommitId}",
        contract.MODEL_PACKAGE_ARN: "#{BuildVariables.MODEL_PACKAGE_ARN}",
    }


def test_the_approval_function_is_asked_about_exactly_that_version(recorded: Record) -> None:
    configuration = actions(recorded())["AutoApproval"]["configuration"]
    assert configuration["FunctionName"] == "mle-004-auto-approve-model"
    assert json.loads(configuration["UserParameters"]) == {
        contract.JOB_MODEL_PACKAGE_ARN: "#{BuildVariables.MODEL_PACKAGE_ARN}"
    }


def test_variables_are_read_only_from_namespaces_that_exist(recorded: Record) -> None:
    for stack in ("dev", "prod"):
        by_stage = actions(recorded(stack))
        assert (by_stage["Source"]["namespace"], by_stage["Build"]["namespace"]) == (
            "SourceVariables",
            "BuildVariables",
        )
        text = json.dumps([one["configuration"] for one in by_stage.values()])
        read = {part.split(".")[0] for part in text.split("#{")[1:]}
        assert read == {"SourceVariables", "BuildVariables", "codepipeline"}


def test_a_person_sees_the_summary_and_has_the_time_that_the_settings_give(recorded: Record) -> None:
    action = actions(recorded("prod", {"approval": {"mode": "manual", "timeoutMinutes": 1440}}))["Approval"]
    assert (action["category"], action["provider"]) == ("Approval", "Manual")
    assert action["configuration"] == {"CustomData": "#{BuildVariables.MODEL_SUMMARY}"}
    assert action["timeoutInMinutes"] == 1440


def test_only_an_approval_has_a_timeout(recorded: Record) -> None:
    for stack in ("dev", "prod"):
        timed = [stage for stage, one in actions(recorded(stack)).items() if "timeoutInMinutes" in one]
        assert timed == (["Approval"] if stack == "prod" else [])


def test_configuration_values_fit_and_are_text(recorded: Record) -> None:
    values = [value for one in actions(recorded()).values() for value in one["configuration"].values()]
    assert all(isinstance(value, str) and 0 < len(value) <= 1000 for value in values)


def test_artifacts_are_encrypted_with_the_stacks_key(recorded: Record) -> None:
    (store,) = recorded().one("Pipeline").inputs["artifactStores"]
    assert store == {
        "type": "S3",
        "location": f"mle-004-artifacts-{ACCOUNT}-{REGION}",
        "encryptionKey": {"type": "KMS", "id": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"},
    }


def test_the_pipeline_can_work_as_soon_as_it_exists(recorded: Record) -> None:
    run = recorded()
    grants = {one.urn for one in run.of("RolePolicyAttachment") if "roles-pipeline-" in one.name}
    made_before = run.one("Pipeline").depends_on
    assert len(grants) == 2
    assert grants <= made_before
    assert {one.urn for one in run.of("Project")} <= made_before
    assert run.one("Function").urn in made_before
