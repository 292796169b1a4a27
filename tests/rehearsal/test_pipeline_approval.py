"""Manual approvals: who may answer, how an answer is written down, how the time runs out, and the mail that asks."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.pipeline.pipeline_records import ActionRun
from tests.rehearsal.pipeline_account import REGION, WAIT_SECONDS, Account, approval, build, source

Statement = dict[str, Any]


def shown(account: Account, name: str, execution_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the approval as ListActionExecutions and as GetPipelineState show it."""
    client = account.cloud.client("codepipeline")
    listed = client.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution_id})
    [detail] = [each for each in listed["actionExecutionDetails"] if each["actionName"] == "Approve"]
    state = client.get_pipeline_state(name=name)["stageStates"][1]["actionStates"][0]["latestExecution"]
    return detail, state


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"), [("Approved", "Succeeded"), ("Rejected", "Failed")], ids=["approved", "rejected"]
)
def test_a_person_decides_with_the_token_of_the_pipelines_state(
    account: Account, name: str, status: str, expected: str
) -> None:
    account.declare(name, [source()], [approval()])
    execution_id = account.start(name)
    token = account.token(name)
    account.answer(name, token, status)
    execution = account.executor.wait(execution_id, WAIT_SECONDS)
    operator = f"arn:aws:iam::{account.cloud.account}:user/operator"
    assert (execution.status, execution.actions[-1].status) == (expected, expected)
    assert execution.actions[-1].line == f"{status} by {operator}: seen"
    detail, state = shown(account, name, execution_id)
    error = {"errorDetails": {"code": "JobFailed", "message": "seen"}} if expected == "Failed" else {}
    assert (detail["updatedBy"], state["lastUpdatedBy"], state["summary"]) == (operator, operator, "seen")
    assert detail["output"]["executionResult"] == {
        "externalExecutionId": token,
        "externalExecutionSummary": "seen",
        **error,
    }
    assert state.get("errorDetails", {}) == error.get("errorDetails", {})
    assert "token" not in state


def test_an_answer_without_a_comment_says_whose_it_is(account: Account, name: str) -> None:
    account.declare(name, [source()], [approval()])
    execution_id = account.start(name)
    account.answer(name, account.token(name), result={"status": "Approved", "summary": ""})
    account.executor.wait(execution_id, WAIT_SECONDS)
    detail, _ = shown(account, name, execution_id)
    told = detail["output"]["executionResult"]["externalExecutionSummary"]
    assert told == f"Approved by arn:aws:iam::{account.cloud.account}:user/operator"


def test_a_role_needs_the_grant_on_the_very_action(
    account: Account, name: str, visitors: Any, allow: Callable[..., Statement]
) -> None:
    account.declare(name, [source()], [approval()])
    execution_id = account.start(name)
    token = account.token(name)
    here = account.arn("codepipeline", f"{name}/S2/Approve")
    for elsewhere in (account.arn("codepipeline", name), account.arn("codepipeline", f"{name}/S2/Other")):
        held = visitors.enter(allow("codepipeline:PutApprovalResult", elsewhere))
        with pytest.raises(ClientError, match="AccessDenied"):
            account.answer(name, token, client=account.cloud.client("codepipeline", held))
    held = visitors.enter(allow("codepipeline:PutApprovalResult", here))
    account.answer(name, token, client=account.cloud.client("codepipeline", held))
    by = account.executor.wait(execution_id, WAIT_SECONDS).actions[-1].updated_by
    assert by.startswith(f"arn:aws:sts::{account.cloud.account}:assumed-role/role-")
    assert by.endswith("/test")


def test_an_approval_is_answered_only_with_its_token_at_its_place_and_once(account: Account, name: str) -> None:
    account.declare(name, [source()], [approval()], [build("deploy")])
    execution_id = account.start(name)
    token = account.token(name)
    for error, other, place in (
        ("InvalidApprovalTokenException", "11111111-1111-1111-1111-111111111111", {}),
        ("StageNotFoundException", token, {"stageName": "S9"}),
        ("ActionNotFoundException", token, {"actionName": "Other"}),
        ("InvalidApprovalTokenException", token, {"stageName": "S3", "actionName": "deploy"}),
    ):
        with pytest.raises(ClientError, match=error):
            account.answer(name, other, **place)
    account.answer(name, token)
    account.executor.wait(execution_id, WAIT_SECONDS)
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        account.answer(name, token)


def test_an_approval_that_failed_to_ask_cannot_be_answered(account: Account, name: str) -> None:
    topic = account.cloud.client("sns").create_topic(Name=name)["TopicArn"]
    account.declare(name, [source()], [approval({"NotificationArn": topic})], without="sns:Publish")
    execution = account.run(name)
    last = execution.actions[-1]
    assert (last.error_code, last.asked) == ("PermissionError", False)
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        account.answer(name, last.token)


# --- the time runs out -----------------------------------------------------------------------------------------------


def test_an_approval_that_nobody_answers_fails_after_its_own_timeout_and_names_nobody(
    account: Account, name: str
) -> None:
    account.declare(name, [source()], [approval(timeoutInMinutes=5)])
    execution = account.run(name)
    last = execution.actions[-1]
    assert (last.status, last.message) == ("Failed", "Nobody approved or rejected within 5 minutes.")
    detail, state = shown(account, name, execution.id)
    assert (detail.get("updatedBy", ""), state.get("lastUpdatedBy", "")) == ("", "")
    assert detail["output"]["executionResult"]["errorDetails"]["code"] == "JobFailed"


def test_the_time_of_an_approval_can_be_let_run_out_at_once(account: Account, name: str) -> None:
    account.declare(name, [source()], [approval()])
    execution_id = account.start(name)
    waiting = account.executor.wait_for_approval(execution_id, WAIT_SECONDS)
    assert isinstance(waiting, ActionRun)
    account.executor.expire_approval(waiting)
    execution = account.executor.wait(execution_id, WAIT_SECONDS)
    assert (execution.status, execution.actions[-1].updated_by) == ("Failed", "")
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        account.answer(name, waiting.token)


def test_an_execution_that_asks_nobody_is_waited_for_until_its_end(account: Account, name: str) -> None:
    account.declare(name, [source()], [build("train")])
    execution_id = account.start(name)
    assert account.executor.wait_for_approval(execution_id, WAIT_SECONDS) is None
    assert account.executor.wait(execution_id, WAIT_SECONDS).status == "Succeeded"


# --- the mail --------------------------------------------------------------------------------------------------------


def test_the_mail_has_the_documented_fields_and_reaches_every_subscriber(account: Account, name: str) -> None:
    sns = account.cloud.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    for address in ("ada@example.com", "grace@example.com"):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    configuration = {"NotificationArn": topic, "CustomData": "commit #{SourceVariables.CommitId}"}
    account.declare(name, [source()], [approval(configuration, timeoutInMinutes=5)])
    execution = account.run(name)
    mails = [mail for mail in account.cloud.topics.mails() if mail.topic == name]
    assert [mail.address for mail in mails] == ["ada@example.com", "grace@example.com"]
    assert mails[0].subject.startswith("APPROVAL NEEDED: AWS CodePipeline ")
    assert any(line.startswith("SNS: mail to grace@example.com: APPROVAL NEEDED") for line in account.notes.lines)
    told = json.loads(mails[0].body)
    assert told["region"] == REGION
    assert told["approval"].pop("expires").endswith("Z")
    assert told["approval"].pop("approvalReviewLink").endswith(f"/S2/Approve/approve/{execution.actions[-1].token}")
    assert told["approval"] == {
        "pipelineName": name,
        "stageName": "S2",
        "actionName": "Approve",
        "token": execution.actions[-1].token,
        "externalEntityLink": None,
        "customData": f"commit {account.commit}",
    }


@pytest.mark.parametrize("missing", ["kms:GenerateDataKey", "kms:Decrypt", ""])
def test_a_mail_through_an_encrypted_topic_needs_the_topics_key(account: Account, name: str, missing: str) -> None:
    key = account.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    sns = account.cloud.client("sns")
    topic = sns.create_topic(Name=name, Attributes={"KmsMasterKeyId": key})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
    account.declare(name, [source()], [approval({"NotificationArn": topic}, timeoutInMinutes=5)], without=missing)
    last = account.run(name).actions[-1]
    expected = ("PermissionError", 0) if missing else ("JobFailed", 1)
    assert (last.error_code, sum(mail.topic == name for mail in account.cloud.topics.mails())) == expected
    assert missing in last.message
