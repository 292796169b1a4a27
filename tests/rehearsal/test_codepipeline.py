"""CodePipeline: what actions do and with whose permission, how stages follow and supersede, what the API tells."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.pipeline.pipeline_records import Execution
from tests.rehearsal.pipeline_account import (
    BUCKET,
    MINUTE_SECONDS,
    REPOSITORY,
    WAIT_SECONDS,
    Account,
    approval,
    build,
    judge,
    source,
)


def codes(execution: Execution) -> dict[str, str]:
    """Status of each action, with the error's code where there is one."""
    return {run.name: f"{run.status} {run.error_code}".strip() for run in execution.actions}


# --- the whole road --------------------------------------------------------------------------------------------------


def test_variables_and_artifacts_travel_from_source_through_build_and_judge_to_deploy(
    account: Account, name: str
) -> None:
    account.builds.results["train"] = {"exportedEnvironmentVariables": [{"name": "ARN", "value": "arn:1"}]}
    train = build("train", {"COMMIT": "#{SourceVariables.CommitId}"}, makes=["Model"], namespace="Train")
    deploy = build(
        "deploy",
        {"ARN": "#{Train.ARN}", "EXECUTION": "#{codepipeline.PipelineExecutionId}"},
        takes=["Model", "Source"],
        configuration={"PrimarySource": "Source"},
    )
    account.declare(name, [source()], [train], [judge("#{Train.ARN}")], [deploy])
    execution = account.run(name)
    assert codes(execution) == {key: "Succeeded" for key in ("Source", "train", "Judge", "deploy")}
    assert execution.status == "Succeeded"
    assert account.functions.jobs[0]["data"]["actionConfiguration"]["configuration"]["UserParameters"] == "arn:1"
    environments = [
        {each["name"]: each["value"] for each in started["environmentVariablesOverride"]}
        for started in account.builds.started
    ]
    assert environments == [{"COMMIT": account.commit}, {"ARN": "arn:1", "EXECUTION": execution.id}]
    trained, deployed = (account.builds.handed_over[each["idempotencyToken"]] for each in account.builds.started)
    assert (trained.primary, list(trained.inputs), list(trained.outputs)) == ("Source", ["Source"], ["Model"])
    assert (deployed.primary, deployed.inputs["Model"]) == ("Source", trained.outputs["Model"])
    assert (deployed.source_version, deployed.initiator) == (account.commit, f"codepipeline/{name}")


def test_source_puts_the_commit_into_the_bucket_and_tells_about_it(account: Account, name: str) -> None:
    account.declare(name, [source()], [build("train")])
    execution = account.run(name)
    place = execution.artifacts["Source"]
    assert (place.bucket, place.key.rpartition("/")[0]) == (BUCKET, f"{name[:20]}/Source")
    assert account.stored(place.key) == {"buildspec.yml": b"version: 0.2\n"}
    variables = dict(execution.variables["SourceVariables"])
    assert variables.pop("AuthorDate").endswith("Z") and variables.pop("CommitterDate").endswith("Z")
    assert variables == {
        "CommitId": account.commit,
        "CommitMessage": "first model\n\nwith a body",
        "RepositoryName": REPOSITORY,
        "BranchName": "main",
    }
    assert (execution.commit, execution.revisions[0].summary) == (account.commit, "first model")


def test_source_encrypts_with_the_stores_key_where_one_is_declared(account: Account, name: str) -> None:
    key = account.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    account.declare(name, [source()], [judge()], encryptionKey={"id": key, "type": "KMS"})
    execution = account.run(name)
    place = execution.artifacts["Source"]
    head = account.cloud.client("s3").head_object(Bucket=place.bucket, Key=place.key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    assert account.functions.jobs[0]["data"]["encryptionKey"] == {"id": key, "type": "KMS"}


def test_missing_branch_fails_at_source(account: Account, name: str) -> None:
    account.declare(name, [source(configuration={"BranchName": "gone"})], [build("train")])
    execution = account.run(name)
    assert (execution.status, codes(execution)) == ("Failed", {"Source": "Failed JobFailed"})
    assert "BranchDoesNotExistException" in execution.actions[0].message


# --- whose permission ------------------------------------------------------------------------------------------------

_NEEDED = {
    "codecommit:GetBranch": "Source",
    "codecommit:GetCommit": "Source",
    "codecommit:UploadArchive": "Source",
    "codecommit:GetUploadArchiveStatus": "Source",
    "s3:GetBucketVersioning": "Source",
    "s3:PutObject": "Source",
    "codebuild:StartBuild": "train",
    "codebuild:BatchGetBuilds": "train",
    "lambda:InvokeFunction": "Judge",
    "sns:Publish": "Approve",
}


@pytest.mark.parametrize("grant", sorted(_NEEDED))
def test_action_fails_without_the_grant(account: Account, name: str, grant: str) -> None:
    topic = account.cloud.client("sns").create_topic(Name=name)["TopicArn"]
    account.declare(
        name, [source()], [build("train")], [judge()], [approval({"NotificationArn": topic})], without=grant
    )
    execution = account.run(name)
    last = execution.actions[-1]
    assert (last.name, last.status, last.error_code) == (_NEEDED[grant], "Failed", "PermissionError")
    assert grant in last.message


def test_role_that_trusts_another_pipeline_cannot_be_used(account: Account, name: str) -> None:
    account.declare(name, [source()], [build("train")], trusted_pipeline="another")
    execution = account.run(name)
    assert codes(execution) == {"Source": "Failed PermissionError"}


# --- builds ----------------------------------------------------------------------------------------------------------


def test_failed_build_fails_the_action_with_the_phases_reason(account: Account, name: str) -> None:
    context = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 1"}
    phases = [{"phaseType": "BUILD", "contexts": [context]}, {"phaseType": "FINALIZING", "contexts": []}]
    account.builds.results["train"] = {"buildStatus": "FAILED", "phases": phases}
    account.declare(name, [source()], [build("train", makes=["Model"])], [judge()])
    execution = account.run(name)
    assert codes(execution) == {"Source": "Succeeded", "train": "Failed JobFailed"}
    assert execution.actions[-1].message == (
        "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: exit status 1"
    )
    assert "Model" not in execution.artifacts


def test_variable_that_no_build_exported_fails_the_action_that_asks_for_it(account: Account, name: str) -> None:
    account.declare(name, [source()], [build("train", namespace="Train")], [judge("#{Train.ARN}")])
    execution = account.run(name)
    assert codes(execution)["Judge"] == "Failed ConfigurationError"
    assert "#{Train.ARN}" in execution.actions[-1].message


# --- function jobs ---------------------------------------------------------------------------------------------------


def test_job_event_is_the_documented_one(account: Account, name: str) -> None:
    account.declare(name, [source()], [judge("text", takes=["Source"], makes=["Verdict"])])
    execution = account.run(name)
    [job] = account.functions.jobs
    credentials = job["data"].pop("artifactCredentials")
    verdict = execution.artifacts["Verdict"]
    assert job == {
        "id": execution.actions[-1].external_id,
        "accountId": account.cloud.account,
        "data": {
            "actionConfiguration": {"configuration": {"FunctionName": "judge", "UserParameters": "text"}},
            "inputArtifacts": [
                {
                    "name": "Source",
                    "revision": account.commit,
                    "location": {
                        "type": "S3",
                        "s3Location": {"bucketName": BUCKET, "objectKey": execution.artifacts["Source"].key},
                    },
                }
            ],
            "outputArtifacts": [
                {
                    "name": "Verdict",
                    "revision": None,
                    "location": {"type": "S3", "s3Location": {"bucketName": BUCKET, "objectKey": verdict.key}},
                }
            ],
        },
    }
    assert set(credentials) == {"accessKeyId", "secretAccessKey", "sessionToken", "expirationTime"}


def test_job_result_gives_variables_and_a_summary(account: Account, name: str) -> None:
    account.functions.result = {
        "outputVariables": {"verdict": "Approved"},
        "executionDetails": {"summary": "accuracy 0.9 >= 0.85"},
    }
    account.declare(name, [source()], [judge(namespace="Judge")], [build("deploy", {"V": "#{Judge.verdict}"})])
    execution = account.run(name)
    assert execution.actions[1].message == "accuracy 0.9 >= 0.85"
    assert account.builds.started[0]["environmentVariablesOverride"][0]["value"] == "Approved"


def test_failed_job_fails_the_action_with_the_functions_words(account: Account, name: str) -> None:
    account.functions.result = {"failureDetails": {"type": "ConfigurationError", "message": "accuracy 0.5 < 0.85"}}
    account.declare(name, [source()], [judge()])
    last = account.run(name).actions[-1]
    assert (last.status, last.error_code, last.message) == ("Failed", "ConfigurationError", "accuracy 0.5 < 0.85")


def test_function_that_never_reports_fails_the_action_after_twenty_minutes(account: Account, name: str) -> None:
    account.functions.result = None
    account.declare(name, [source()], [judge()])
    last = account.run(name).actions[-1]
    assert (last.status, last.message) == (
        "Failed",
        "The Lambda function judge failed to return a result within 20 minutes.",
    )
    assert last.seconds >= 20 * MINUTE_SECONDS
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        account.functions.report(account.functions.jobs[0]["id"], {})


def test_job_can_be_reported_once(account: Account, name: str) -> None:
    account.declare(name, [source()], [judge()])
    account.run(name)
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        account.functions.report(account.functions.jobs[0]["id"], {})
    with pytest.raises(ClientError, match="JobNotFoundException"):
        account.functions.report("00000000-0000-0000-0000-000000000000", {})


def test_job_that_wants_to_continue_later_is_refused(account: Account, name: str) -> None:
    account.functions.result = None
    account.declare(name, [source()], [judge()])
    execution_id = account.start(name)
    account.notes.await_line("judge has job")
    with pytest.raises(ClientError, match="NotImplemented"):
        account.functions.report(account.functions.jobs[0]["id"], {"continuationToken": "more"})
    account.executor.wait(execution_id, WAIT_SECONDS)


# --- stages ----------------------------------------------------------------------------------------------------------


def test_newer_execution_supersedes_the_waiting_one_and_never_the_one_inside(account: Account, name: str) -> None:
    account.declare(name, [source()], [approval()])
    inside = account.start(name)
    token = account.token(name)
    waiting = account.start(name)
    account.notes.await_line("S1/Source: succeeded", count=2)
    newest = account.start(name)
    superseded = account.executor.wait(waiting, WAIT_SECONDS)
    assert (superseded.status, superseded.stage_status("S2")) == ("Superseded", "")
    assert newest in superseded.summary
    account.answer(name, token)
    assert account.executor.wait(inside, WAIT_SECONDS).status == "Succeeded"
    account.notes.await_line("waits for a person", count=2)
    account.answer(name, account.token(name))
    assert account.executor.wait(newest, WAIT_SECONDS).status == "Succeeded"


def test_executions_that_find_every_door_open_do_not_supersede_each_other(account: Account, name: str) -> None:
    account.declare(name, [source()], [build("train")])
    assert [account.run(name).status for _ in range(2)] == ["Succeeded", "Succeeded"]


def test_failed_stage_lets_the_next_execution_in(account: Account, name: str) -> None:
    account.builds.held.add("train")
    account.declare(name, [source()], [build("train")])
    first = account.start(name)
    account.notes.await_line("build train:1 started")
    second = account.start(name)
    account.notes.await_line("S1/Source: succeeded", count=2)
    account.builds.results["train"] = {"buildStatus": "STOPPED"}
    assert account.executor.wait(first, WAIT_SECONDS).status == "Failed"
    assert codes(account.executor.wait(second, WAIT_SECONDS))["train"] == "Failed JobFailed"


def test_failed_stage_is_retried_in_the_same_execution_and_goes_on(account: Account, name: str) -> None:
    account.builds.results["train"] = {"buildStatus": "FAILED"}
    account.declare(name, [source()], [build("train")], [judge()])
    execution = account.run(name)
    client, failed = account.cloud.client("codepipeline"), execution.declaration["stages"][1]["name"]
    place = {"pipelineName": name, "stageName": failed, "pipelineExecutionId": execution.id}

    account.builds.results["train"] = {}
    client.retry_stage_execution(**place, retryMode="ALL_ACTIONS")
    account.executor.wait(execution.id, WAIT_SECONDS)

    assert codes(execution) == {key: "Succeeded" for key in ("Source", "train", "Judge")}
    assert execution.status == "Succeeded"
    with pytest.raises(ClientError, match="StageNotRetryableException"):
        client.retry_stage_execution(**place, retryMode="ALL_ACTIONS")


def test_actions_of_one_run_order_run_together_and_the_next_order_waits(account: Account, name: str) -> None:
    account.builds.held |= {"a", "b"}
    account.declare(name, [source()], [build("a"), build("b"), build("c", runOrder=2)])
    execution_id = account.start(name)
    account.notes.await_line("build a:")
    account.notes.await_line("build b:")
    assert {each["projectName"] for each in account.builds.started} == {"a", "b"}
    account.builds.held.clear()
    execution = account.executor.wait(execution_id, WAIT_SECONDS)
    assert [run.name for run in execution.actions] == ["Source", "a", "b", "c"]


def test_stage_ends_at_the_first_order_that_fails(account: Account, name: str) -> None:
    account.builds.results["a"] = {"buildStatus": "FAILED"}
    account.declare(name, [source()], [build("a"), build("b"), build("c", runOrder=2)], [judge()])
    execution = account.run(name)
    assert codes(execution) == {"Source": "Succeeded", "a": "Failed JobFailed", "b": "Succeeded"}
    assert (execution.stage_status("S2"), execution.stage_status("S3")) == ("Failed", "")


# --- reading ---------------------------------------------------------------------------------------------------------


def test_wait_refuses_an_unknown_execution_and_gives_up_in_time(account: Account, name: str) -> None:
    account.builds.held.add("train")
    account.declare(name, [source()], [build("train")])
    with pytest.raises(KeyError):
        account.executor.wait("unknown", WAIT_SECONDS)
    execution_id = account.start(name)
    with pytest.raises(TimeoutError, match=execution_id):
        account.executor.wait(execution_id, 0.01)
    account.builds.held.clear()
    assert account.executor.wait(execution_id, WAIT_SECONDS).status == "Succeeded"


def test_unknown_pipeline_cannot_be_started_or_read(account: Account) -> None:
    client = account.cloud.client("codepipeline")
    for ask in (lambda: client.start_pipeline_execution(name="none"), lambda: client.get_pipeline_state(name="none")):
        with pytest.raises(client.exceptions.PipelineNotFoundException):
            ask()


def test_state_shows_stages_before_during_and_after(account: Account, name: str) -> None:
    account.builds.held.add("train")
    account.declare(name, [source()], [build("train")], [judge()])
    client = account.cloud.client("codepipeline")

    def statuses() -> list[str]:
        stages = client.get_pipeline_state(name=name)["stageStates"]
        return [stage.get("latestExecution", {}).get("status", "-") for stage in stages]

    assert statuses() == ["-", "-", "-"]
    execution_id = account.start(name)
    account.notes.await_line("build train:")
    assert statuses() == ["Succeeded", "InProgress", "-"]
    account.builds.held.clear()
    account.executor.wait(execution_id, WAIT_SECONDS)
    assert statuses() == ["Succeeded", "Succeeded", "Succeeded"]
    train = client.get_pipeline_state(name=name)["stageStates"][1]["actionStates"][0]["latestExecution"]
    assert (train["status"], train["externalExecutionId"]) == ("Succeeded", "train:1")


def test_execution_and_its_history_can_be_read(account: Account, name: str) -> None:
    account.functions.result = {"failureDetails": {"type": "JobFailed", "message": "no"}}
    account.declare(name, [source()], [judge("#{SourceVariables.CommitId}")])
    first, second = account.run(name), account.run(name)
    client = account.cloud.client("codepipeline")
    told = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=first.id)["pipelineExecution"]
    assert (told["status"], told["pipelineVersion"], told["statusSummary"]) == ("Failed", 1, "stage S2 failed")
    assert told["artifactRevisions"][0]["revisionId"] == account.commit
    listed = client.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
    assert [each["pipelineExecutionId"] for each in listed] == [second.id, first.id]
    assert len(client.list_pipeline_executions(pipelineName=name, maxResults=1)["pipelineExecutionSummaries"]) == 1
    with pytest.raises(client.exceptions.PipelineExecutionNotFoundException):
        client.get_pipeline_execution(pipelineName=name, pipelineExecutionId="0" * 8 + first.id[8:])


def test_history_of_actions_has_resolved_configuration_and_errors(account: Account, name: str) -> None:
    account.functions.result = {"failureDetails": {"type": "JobFailed", "message": "no"}}
    account.declare(name, [source()], [judge("#{SourceVariables.CommitId}")])
    account.run(name)
    execution = account.run(name)
    details: list[dict[str, Any]] = account.cloud.client("codepipeline").list_action_executions(
        pipelineName=name, filter={"pipelineExecutionId": execution.id}
    )["actionExecutionDetails"]
    assert [(each["actionName"], each["status"]) for each in details] == [("Judge", "Failed"), ("Source", "Succeeded")]
    assert details[0]["input"]["configuration"]["UserParameters"] == "#{SourceVariables.CommitId}"
    assert details[0]["input"]["resolvedConfiguration"]["UserParameters"] == account.commit
    assert details[0]["output"]["executionResult"]["errorDetails"] == {"code": "JobFailed", "message": "no"}
    assert details[1]["output"]["outputVariables"]["CommitId"] == account.commit
