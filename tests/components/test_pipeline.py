"""Pipeline: the brief's four stages, their artifacts and variables, in every approval mode and from either source."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from components.grants.pipeline import connection_spellings
from components.names import Names
from components.pipeline_stages import Called, stages
from components.settings import Settings
from ml import contract
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
MODES = ["automated", "manual", "both"]
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/0123abcd-1111-2222-3333-0123456789ab"
CONNECTED = {
    "source": {
        "provider": "codeconnections",
        "branch": "release/live",
        "connectionArn": CONNECTION,
        "repository": "team/churn",
    }
}
PACKAGE_ARN = "#{BuildVariables.MODEL_PACKAGE_ARN}"
PIPELINE_ROLE = "CodePipeline-MLE-004-Role"


def mode(name: str) -> dict[str, Any]:
    return {"approval": {"mode": name}}


def actions(run: Recorded) -> dict[str, list[dict[str, Any]]]:
    """Return each stage's actions, by stage name, in order."""
    return {stage["name"]: stage["actions"] for stage in run.one("Pipeline").inputs["stages"]}


def action(run: Recorded, name: str) -> dict[str, Any]:
    (found,) = [one for listed in actions(run).values() for one in listed if one["name"] == name]
    return found


def variables(action: dict[str, Any]) -> dict[str, str]:
    listed = json.loads(action["configuration"]["EnvironmentVariables"])
    assert {one["type"] for one in listed} == {"PLAINTEXT"}
    return {one["name"]: one["value"] for one in listed}


# --- stages and artifacts


@pytest.mark.parametrize(
    ("name", "approval"),
    [
        ("automated", {"AutoApproval": ["AutoApproval"]}),
        ("manual", {"Approval": ["ManualApproval", "RecordApproval"]}),
        ("both", {"Approval": ["AutoApproval", "ManualApproval", "RecordApproval"]}),
    ],
)
def test_four_stages_in_the_briefs_order(name: str, approval: dict[str, list[str]], recorded: Record) -> None:
    found = {stage: [one["name"] for one in listed] for stage, listed in actions(recorded("dev", mode(name))).items()}
    expected = {"Source": ["Source"], "Build": ["TrainModel"], **approval, "Deploy": ["DeployModel"]}
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize("name", MODES)
def test_the_actions_of_a_stage_run_one_after_the_other(name: str, recorded: Record) -> None:
    for listed in actions(recorded("dev", mode(name))).values():
        assert [one["runOrder"] for one in listed] == list(range(1, len(listed) + 1))


def test_a_newer_commit_supersedes_an_older_one(recorded: Record) -> None:
    pipeline = recorded().one("Pipeline").inputs
    assert (pipeline["pipelineType"], pipeline["executionMode"]) == ("V2", "SUPERSEDED")


def test_every_action_is_awss_own_in_version_one(recorded: Record) -> None:
    listed = [one for each in actions(recorded("dev", mode("both"))).values() for one in each]
    assert {one["name"]: (one["category"], one["provider"]) for one in listed} == {
        "Source": ("Source", "CodeCommit"),
        "TrainModel": ("Build", "CodeBuild"),
        "AutoApproval": ("Invoke", "Lambda"),
        "ManualApproval": ("Approval", "Manual"),
        "RecordApproval": ("Invoke", "Lambda"),
        "DeployModel": ("Build", "CodeBuild"),
    }
    assert {(one["owner"], one["version"]) for one in listed} == {("AWS", "1")}


def test_artifacts_are_the_briefs_table(recorded: Record) -> None:
    listed = [one for each in actions(recorded("dev", mode("both"))).values() for one in each]
    given = {one["name"]: one["inputArtifacts"] for one in listed if "inputArtifacts" in one}
    made = {one["name"]: one["outputArtifacts"] for one in listed if "outputArtifacts" in one}
    assert given == {"TrainModel": ["SourceArtifact"], "DeployModel": ["SourceArtifact", "BuildArtifact"]}
    assert made == {"Source": ["SourceArtifact"], "TrainModel": ["BuildArtifact"]}


def test_deploys_commands_come_from_the_commit(recorded: Record) -> None:
    assert action(recorded(), "DeployModel")["configuration"]["PrimarySource"] == "SourceArtifact"


def test_each_build_stage_runs_its_own_project(recorded: Record) -> None:
    projects = [action(recorded(), name)["configuration"]["ProjectName"] for name in ("TrainModel", "DeployModel")]
    assert projects == ["train-model", "deploy-model"]


def test_artifacts_are_encrypted_with_the_stacks_key(recorded: Record) -> None:
    (store,) = recorded().one("Pipeline").inputs["artifactStores"]
    assert store == {
        "type": "S3",
        "location": f"mle-004-artifacts-{ACCOUNT}-{REGION}",
        "encryptionKey": {"type": "KMS", "id": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"},
    }


@pytest.mark.parametrize("name", MODES)
def test_the_pipeline_can_work_as_soon_as_it_exists(name: str, recorded: Record) -> None:
    run = recorded("dev", mode(name))
    grants = {one.urn for one in run.of("RolePolicyAttachment") if "roles-pipeline-" in one.name}
    made_before = run.one("Pipeline").depends_on
    assert len(grants) == 2
    assert grants <= made_before
    assert {one.urn for one in [*run.of("Project"), *run.of("Function")]} <= made_before


# --- what the actions are told


def test_train_is_told_the_execution_the_commit_and_what_to_release(recorded: Record) -> None:
    assert variables(action(recorded(), "TrainModel")) == {
        contract.PIPELINE_EXECUTION_ID: "#{codepipeline.PipelineExecutionId}",
        contract.COMMIT_ID: "#{SourceVariables.CommitId}",
        contract.REPOSITORY_NAME: "#{SourceVariables.RepositoryName}",
        contract.PIPELINE_VARIABLE: "#{variables.RELEASE_MODEL_PACKAGE_ARN}",
        contract.EXECUTION_URL: (
            f"https://{REGION}.console.aws.amazon.com/codesuite/codepipeline/pipelines/mle-004-model-registry-pipeline"
            f"/executions/#{{codepipeline.PipelineExecutionId}}/visualization?region={REGION}"
        ),
    }


def test_deploy_is_told_exactly_the_version_of_this_execution_and_whether_it_was_asked_for(
    recorded: Record,
) -> None:
    assert variables(action(recorded(), "DeployModel")) == {
        contract.PIPELINE_EXECUTION_ID: "#{codepipeline.PipelineExecutionId}",
        contract.COMMIT_ID: "#{SourceVariables.CommitId}",
        contract.MODEL_PACKAGE_ARN: PACKAGE_ARN,
        contract.PIPELINE_VARIABLE: "#{variables.RELEASE_MODEL_PACKAGE_ARN}",
    }


@pytest.mark.parametrize(
    ("name", "function"),
    [("AutoApproval", "mle-004-auto-approve-model"), ("RecordApproval", "mle-004-approval-bridge")],
)
def test_each_function_is_asked_about_exactly_that_version(name: str, function: str, recorded: Record) -> None:
    configuration = action(recorded("dev", mode("both")), name)["configuration"]
    assert configuration["FunctionName"] == function
    assert json.loads(configuration["UserParameters"]) == {contract.JOB_MODEL_PACKAGE_ARN: PACKAGE_ARN}


@pytest.mark.parametrize("name", ["manual", "both"])
def test_a_person_is_mailed_the_summary_with_a_link_to_the_report(name: str, recorded: Record) -> None:
    asked = action(recorded("dev", mode(name)), "ManualApproval")
    assert asked["configuration"] == {
        "NotificationArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-approvals",
        "CustomData": "#{BuildVariables.MODEL_SUMMARY}",
        "ExternalEntityLink": "#{BuildVariables.MODEL_REPORT_URL}",
    }


def test_a_person_has_the_time_that_the_settings_give_and_nothing_else_is_timed(recorded: Record) -> None:
    run = recorded("dev", {"approval": {"mode": "both", "timeoutMinutes": 1440}})
    timed = {one["name"]: one.get("timeoutInMinutes") for each in actions(run).values() for one in each}
    assert {name: minutes for name, minutes in timed.items() if minutes} == {"ManualApproval": 1440}


@pytest.mark.parametrize("changes", [*map(mode, MODES), {**CONNECTED, **mode("both")}])
def test_variables_are_read_only_from_namespaces_that_exist(changes: dict[str, Any], recorded: Record) -> None:
    run = recorded("dev", changes)
    made = {one["namespace"] for each in actions(run).values() for one in each if "namespace" in one}
    text = json.dumps([one["configuration"] for each in actions(run).values() for one in each])
    assert made == {"SourceVariables", "BuildVariables"}
    assert set(re.findall(r"#\{(\w+)\.", text)) == {*made, "codepipeline", "variables"}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_configuration_values_fit_and_are_text(stack: str, recorded: Record) -> None:
    listed = [one for each in actions(recorded(stack)).values() for one in each]
    values = [value for one in listed for value in one["configuration"].values()]
    assert all(isinstance(value, str) and 0 < len(value) <= 1000 for value in values)


def test_a_person_can_start_it_for_a_version_that_is_approved(recorded: Record) -> None:
    (variable,) = recorded().one("Pipeline").inputs["variables"]
    assert (variable["name"], variable["defaultValue"]) == ("RELEASE_MODEL_PACKAGE_ARN", "none")
    assert 0 < len(variable["description"]) <= 200


# --- where commits come from


def test_codecommit_is_not_polled_and_has_no_trigger(recorded: Record) -> None:
    pipeline = recorded().one("Pipeline").inputs
    assert action(recorded(), "Source")["configuration"] == {
        "RepositoryName": "model-registry-pipeline-repo",
        "BranchName": "main",
        "PollForSourceChanges": "false",
    }
    assert "triggers" not in pipeline


def test_a_connections_push_to_the_branch_starts_it_once(recorded: Record) -> None:
    run = recorded("dev", CONNECTED)
    source = action(run, "Source")
    assert source["provider"] == "CodeStarSourceConnection"
    assert source["configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "team/churn",
        "BranchName": "release/live",
        "DetectChanges": "false",
    }
    push = {"branches": {"includes": ["release/live"]}}
    assert run.one("Pipeline").inputs["triggers"] == [
        {
            "providerType": "CodeStarSourceConnection",
            "gitConfiguration": {"sourceActionName": "Source", "pushes": [push]},
        }
    ]


def test_train_is_told_a_connections_repository_by_the_variable_that_its_source_makes(recorded: Record) -> None:
    told = variables(action(recorded("dev", CONNECTED), "TrainModel"))
    assert told[contract.REPOSITORY_NAME] == "#{SourceVariables.FullRepositoryName}"
    assert told[contract.COMMIT_ID] == "#{SourceVariables.CommitId}"


# --- what its role may do for that


def grants(run: Recorded) -> dict[str, tuple[list[str], list[str]]]:
    return {one["Sid"]: (one["Action"], one["Resource"]) for one in run.statements(PIPELINE_ROLE)}


@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("automated", {"AskApprovalFunction"}),
        ("manual", {"MailApprovers", "HaveApprovalsRecorded", "UseKeyThroughSns"}),
        ("both", {"AskApprovalFunction", "MailApprovers", "HaveApprovalsRecorded", "UseKeyThroughSns"}),
    ],
)
def test_it_may_ask_those_who_approve_in_its_mode_and_nobody_else(name: str, asks: set[str], recorded: Record) -> None:
    found = grants(recorded("dev", mode(name)))
    everywhere = {"FindArtifactBucket", "StoreCommit", "ReadArtifacts", "FetchCommit", "RunBuilds", "UseKeyThroughS3"}
    assert found.keys() - everywhere == asks
    functions = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    exact = {
        "AskApprovalFunction": (["lambda:InvokeFunction"], [f"{functions}:mle-004-auto-approve-model"]),
        "HaveApprovalsRecorded": (["lambda:InvokeFunction"], [f"{functions}:mle-004-approval-bridge"]),
        "MailApprovers": (["sns:Publish"], [f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-approvals"]),
    }
    assert {sid: found[sid] for sid in asks & exact.keys()} == {sid: exact[sid] for sid in asks & exact.keys()}


def test_it_may_use_the_one_connection_in_place_of_any_repository(recorded: Record) -> None:
    fetch = grants(recorded("dev", CONNECTED))["FetchCommit"]
    old = CONNECTION.replace("codeconnections", "codestar-connections")
    assert fetch == (["codeconnections:UseConnection", "codestar-connections:UseConnection"], [CONNECTION, old])


def test_a_connection_is_named_in_both_spellings_whichever_was_configured() -> None:
    old = CONNECTION.replace("codeconnections", "codestar-connections")
    assert connection_spellings(CONNECTION) == connection_spellings(old)


# --- what may be missing


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("automated", "approval_function"),
        ("automated", "repository_name"),
        ("both", "approval_function"),
        ("both", "bridge_function"),
        ("manual", "bridge_function"),
        ("manual", "approvals_topic"),
    ],
)
def test_a_pipeline_that_lacks_whom_it_asks_is_not_declared(name: str, missing: str) -> None:
    settings = Settings.parse(mode(name), stack="dev", project="mle-004")
    names = Names.of(settings, account=ACCOUNT, region=REGION)
    every = {field: field for field in Called.__dataclass_fields__}
    assert len(stages(names, settings, Called(**every))) == 4
    with pytest.raises(ValueError, match=rf"missing: Called\.{missing}"):
        stages(names, settings, Called(**{**every, missing: None}))
