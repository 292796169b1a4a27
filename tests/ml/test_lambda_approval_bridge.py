"""The bridge function: whichever side a person uses, the other follows, once; nothing else is ever written."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ml import lambda_approval_bridge
from ml.errors import RoadError
from ml.lambda_approval_bridge import handler
from tests.ml.bridge_cloud import (
    ADA,
    ARN,
    CONTEXT,
    EXECUTION,
    JOB_ID,
    STARTED_AT,
    TOKEN,
    Cloud,
    action,
    approval,
    approval_event,
    job,
    registry_event,
    schedule,
    serve,
)

STARTED, FAILED = approval_event("STARTED"), approval_event("FAILED")
RELAYED = "Decided in the registry: Approved by Ann: fine"


@pytest.fixture
def cloud(check_request: Any, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return serve(Cloud(check_request), monkeypatch)


def written(status: str, reason: str) -> list[dict[str, str]]:
    return [{"ModelPackageArn": ARN, "ModelApprovalStatus": status, "ApprovalDescription": reason}]


# --- a person approves in the pipeline: the job writes it to the registry


@pytest.mark.parametrize(
    ("summary", "by", "reason"),
    [
        ("looks good", ADA, f"Approved by {ADA}: looks good"),
        (f"Approved by {ADA}", ADA, f"Approved by {ADA}"),
        (f"Approved by {ADA}", "", f"Approved by {ADA}"),
        (f"Approved by {ADA}: looks\ngood", "", f"Approved by {ADA}: looks good"),
        ("", ADA, f"Approved by {ADA}"),
        ("looks good", "", "Approved by somebody whom CodePipeline does not name: looks good"),
        ("x" * 2000, ADA, f"Approved by {ADA}: {'x' * 2000}"[:1021] + "..."),
    ],
)
def test_an_approval_is_recorded_with_who_gave_it_and_why(cloud: Cloud, summary: str, by: str, reason: str) -> None:
    cloud.ended(approval("Succeeded", summary=summary, by=by))
    result = handler(job(), CONTEXT)

    assert result == {"modelPackageArn": ARN, "decision": "Approved", "reason": reason}
    assert cloud.updates == written("Approved", reason)
    assert cloud.results == [("success", {"jobId": JOB_ID, "executionDetails": {"summary": reason}})]
    assert cloud.answers == []


def test_a_version_that_the_registry_has_approved_lets_the_job_succeed_unwritten(cloud: Cloud) -> None:
    cloud.decided("Approved", "accuracy 0.9")
    handler(job(), CONTEXT)

    details = {"summary": "Approved: accuracy 0.9 (decided before)"}
    assert cloud.results == [("success", {"jobId": JOB_ID, "executionDetails": details})]
    assert cloud.updates == []


def test_a_version_that_the_registry_has_rejected_fails_the_job(cloud: Cloud) -> None:
    cloud.ended(approval("Succeeded", summary="looks good"))
    cloud.decided("Rejected")
    handler(job(), CONTEXT)

    assert cloud.message() == f"{ARN}: Rejected: by Ann (decided before)"
    assert cloud.updates == []


def test_somebody_who_rejects_meanwhile_is_not_overruled(cloud: Cloud, client_error: Any) -> None:
    def conflict(**_: Any) -> None:
        cloud.decided("Rejected")
        raise client_error("ConflictException")

    cloud.ended(approval("Succeeded", summary="looks good"))
    cloud.update_model_package = conflict
    handler(job(), CONTEXT)

    assert "Rejected: by Ann" in cloud.message()


def test_of_a_stage_that_was_retried_the_latest_approval_counts(cloud: Cloud) -> None:
    later = approval("Succeeded", summary="now it is fine", startTime=STARTED_AT + timedelta(minutes=9))
    later["lastUpdateTime"] += timedelta(hours=1)
    cloud.ended(later, approval("Failed", summary="too slow", code="JobFailed", actionExecutionId="another"))
    handler(job(), CONTEXT)

    assert cloud.updates == written("Approved", f"Approved by {ADA}: now it is fine")


def test_an_approval_that_shows_late_is_waited_for(cloud: Cloud) -> None:
    cloud.ended(approval("Succeeded", summary="looks good"))
    cloud.views = [[], [approval("InProgress", by="")], *cloud.views]
    handler(job(), CONTEXT)

    assert cloud.status == "Approved"


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (approval("Succeeded", summary=RELAYED), "no person's approval stands"),
        (approval("Failed", summary="no", code="JobFailed"), "no person's approval stands"),
        (approval("Abandoned"), "no person's approval stands"),
        (approval("InProgress", by=""), "does not show how its approval ended"),
    ],
)
def test_without_a_persons_approval_the_job_fails_and_nothing_is_written(cloud: Cloud, entry: Any, says: str) -> None:
    cloud.ended(entry)

    assert handler(job(), CONTEXT)["decision"] == "none"
    assert says in cloud.message()
    assert cloud.untouched()


def test_an_approval_of_another_version_counts_for_nothing(cloud: Cloud) -> None:
    cloud.ended(approval("Succeeded", summary="looks good"))
    cloud.carried = ARN.replace("/3", "/4")
    handler(job(), CONTEXT)

    assert f"{ARN} is not what execution {EXECUTION} carries" in cloud.message()
    assert cloud.untouched()


def test_a_job_outside_any_execution_fails(cloud: Cloud) -> None:
    handler(job(), CONTEXT)

    assert "has no execution in its approval stage" in cloud.message()


@pytest.mark.parametrize(
    "operation",
    ["describe_model_package", "get_pipeline_state", "list_action_executions", "update_model_package"],
)
def test_a_fault_of_aws_fails_the_job_as_not_decided(cloud: Cloud, client_error: Any, operation: str) -> None:
    cloud.ended(approval("Succeeded", summary="looks good"))
    cloud.faults[operation] = [client_error("ThrottlingException", "slow\ndown", "TheOperation")]
    handler(job(), CONTEXT)

    assert cloud.message().startswith("not decided: TheOperation: ThrottlingException: slow down.")
    assert cloud.status == "PendingManualApproval"


@pytest.mark.parametrize("error", [ZeroDivisionError(), EndpointConnectionError(endpoint_url="https://x")])
def test_a_job_gets_its_result_whatever_happens(cloud: Cloud, error: Exception) -> None:
    cloud.faults["describe_model_package"] = [error]
    try:
        handler(job(), CONTEXT)
    except ZeroDivisionError as caught:
        assert caught is error

    assert cloud.message().startswith(f"not decided: {type(error).__name__}.")


def test_a_job_gets_its_result_even_when_the_environment_is_incomplete(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APPROVAL_TIMEOUT_MINUTES")
    with pytest.raises(KeyError):
        handler(job(), CONTEXT)

    assert cloud.message().startswith("not decided: KeyError.")


# --- a person rejects in the pipeline: its event is followed to the registry


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (approval("Failed", summary="too slow", code="JobFailed"), f"Rejected by {ADA}: too slow"),
        (approval("Failed", summary="too slow"), f"Rejected by {ADA}: too slow"),
        (approval("Failed", summary=f"Rejected by {ADA}", code="JobFailed"), f"Rejected by {ADA}"),
        (approval("Failed", summary=f"Rejected by {ADA}", by="", code="JobFailed"), f"Rejected by {ADA}"),
        (approval("Failed", by="arn:aws:iam::123456789012:user/b"), "Rejected by arn:aws:iam::123456789012:user/b"),
    ],
)
def test_a_rejection_is_recorded_with_who_gave_it_and_why(cloud: Cloud, entry: Any, reason: str) -> None:
    cloud.ended(entry)

    assert handler(FAILED, CONTEXT)["decision"] == "Rejected"
    assert cloud.updates == written("Rejected", reason)
    assert cloud.answers == []


WEEK = STARTED_AT + timedelta(days=7)


@pytest.mark.parametrize(
    "entry",
    [
        approval("Failed", summary="Nobody approved in time.", by="", code="JobFailed"),
        approval("Failed", by=""),
        approval("Failed", summary="too slow", code="JobFailed", lastUpdateTime=WEEK),
        approval("Failed", summary="too slow", code="JobFailed", lastUpdateTime=WEEK - timedelta(seconds=30)),
        approval("Failed", summary="may not publish to the topic", code="PermissionError"),
        approval("Failed", summary="no such topic", code="ConfigurationError"),
        approval("Failed", summary="no", by="codepipeline.amazonaws.com"),
        approval("Failed", summary=RELAYED),
        approval("Abandoned", summary="stopped"),
        approval("Succeeded", summary="the retry was approved"),
    ],
    ids=lambda entry: entry["status"] + str(entry["output"]["executionResult"]),
)
def test_a_timeout_or_any_other_end_leaves_the_version_pending(cloud: Cloud, entry: Any) -> None:
    cloud.ended(entry)

    assert handler(FAILED, CONTEXT)["decision"] == "none"
    assert cloud.untouched()


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_a_decision_that_stands_is_not_changed_by_a_rejection(cloud: Cloud, status: str) -> None:
    cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    cloud.decided(status)

    assert handler(FAILED, CONTEXT)["decision"] == status
    assert cloud.untouched()


def test_a_late_copy_of_a_rejections_event_is_told_from_the_retry_that_waits(cloud: Cloud) -> None:
    retry = approval("InProgress", by="", startTime=STARTED_AT + timedelta(minutes=9), actionExecutionId="another")
    cloud.ended(retry, approval("Failed", summary="too slow", code="JobFailed"))

    assert handler(FAILED, CONTEXT)["decision"] == "Rejected"


@pytest.mark.parametrize("action_id", ["", "99999999-0000-4111-8222-333344445555"])
def test_an_event_without_a_known_action_is_about_the_latest(cloud: Cloud, action_id: str) -> None:
    cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    event = approval_event("FAILED", **{"action-execution-id": action_id})

    assert handler(event, CONTEXT)["decision"] == "Rejected"


def test_a_rejection_that_shows_late_is_waited_for_and_then_tried_again(cloud: Cloud) -> None:
    cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    late = cloud.views
    cloud.views = [[approval("InProgress", by="")]]
    with pytest.raises(RoadError, match="does not show how its approval ended"):
        handler(FAILED, CONTEXT)
    cloud.views = [[], *late]

    assert handler(FAILED, CONTEXT)["decision"] == "Rejected"


def test_a_rejection_whose_build_shows_late_is_tried_again(cloud: Cloud) -> None:
    cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    cloud.carried = ""
    with pytest.raises(RoadError, match="does not show how its approval ended"):
        handler(FAILED, CONTEXT)


# --- a person decides in the registry: the approval that waits is answered


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
@pytest.mark.parametrize("event", [registry_event(), STARTED, schedule()], ids=["decided", "started", "schedule"])
def test_the_approval_that_waits_gets_the_registrys_decision(cloud: Cloud, event: Any, status: str) -> None:
    cloud.waits()
    cloud.decided(status, "good\nenough")
    result = handler(event, CONTEXT)

    assert result["decision"] == status
    summary = f"Decided in the registry: {status} by somebody not named there: good enough"
    answer = {"status": status, "summary": summary}
    place = {"stageName": "Approval", "actionName": "ManualApproval", "token": TOKEN}
    assert cloud.answers == [{"pipelineName": "mle-004-model-registry-pipeline", **place, "result": answer}]
    assert cloud.updates == []


@pytest.mark.parametrize(
    ("editor", "named"),
    [
        ({"UserProfileName": "ann", "IamIdentity": {"Arn": ADA}}, "ann"),
        ({"IamIdentity": {"Arn": ADA}}, ADA),
        ({}, "somebody not named there"),
    ],
)
def test_the_answer_says_who_decided_and_fits(cloud: Cloud, editor: dict[str, Any], named: str) -> None:
    cloud.waits()
    cloud.decided("Approved", "x" * 1000, LastModifiedBy=editor)
    handler(registry_event(), CONTEXT)

    summary = cloud.answers[0]["result"]["summary"]
    assert summary.startswith(f"Decided in the registry: Approved by {named}: xxx")
    assert len(summary) == 512


def test_a_reason_that_names_who_decided_is_passed_on_as_it_is(cloud: Cloud) -> None:
    cloud.waits()
    cloud.decided("Approved", f"Approved by {ADA}: fine", LastModifiedBy={"UserProfileName": "the bridge"})
    handler(STARTED, CONTEXT)

    assert cloud.answers[0]["result"]["summary"] == f"Decided in the registry: Approved by {ADA}: fine"


@pytest.mark.parametrize("event", [registry_event(), registry_event(status="Rejected"), STARTED, schedule()])
def test_a_version_that_the_registry_has_not_decided_about_waits_whatever_an_event_claims(
    cloud: Cloud, event: Any
) -> None:
    cloud.waits()

    assert handler(event, CONTEXT)["decision"] == "none"
    assert cloud.untouched()


@pytest.mark.parametrize("carried", [ARN.replace("/3", "/4"), ARN.replace("/3", "/33"), ""])
def test_an_approval_that_waits_for_another_version_is_left_alone(cloud: Cloud, carried: str) -> None:
    cloud.waits()
    cloud.decided("Approved")
    cloud.carried = carried
    handler(registry_event(), CONTEXT)

    assert cloud.untouched()


def test_a_version_is_the_same_in_whichever_case_aws_spells_its_group(cloud: Cloud) -> None:
    cloud.waits()
    cloud.decided("Approved")
    cloud.carried = ARN.replace("ChurnPredictionModels", "churnpredictionmodels")
    handler(registry_event(), CONTEXT)

    assert len(cloud.answers) == 1


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"status": "Succeeded", "lastStatusChange": STARTED_AT},
        {"status": "Failed", "token": TOKEN, "lastStatusChange": STARTED_AT},
        {"status": "InProgress", "lastStatusChange": STARTED_AT},
    ],
)
def test_where_nothing_waits_a_decision_is_left_at_that(cloud: Cloud, state: dict[str, Any]) -> None:
    cloud.states = [state]
    cloud.decided("Approved")

    assert handler(registry_event(), CONTEXT)["reason"] == "no approval waits for this version"
    assert cloud.untouched()


@pytest.mark.parametrize("code", ["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"])
def test_an_approval_that_somebody_answers_meanwhile_is_left_alone(cloud: Cloud, client_error: Any, code: str) -> None:
    cloud.waits()
    cloud.decided("Approved")
    cloud.faults["put_approval_result"] = [client_error(code)]

    assert handler(registry_event(), CONTEXT)["reason"] == "somebody has answered the approval meanwhile"
    assert cloud.untouched()


def test_an_approval_whose_start_shows_late_is_waited_for_and_then_tried_again(cloud: Cloud) -> None:
    cloud.decided("Approved")
    with pytest.raises(RoadError, match="does not show its approval"):
        handler(STARTED, CONTEXT)
    cloud.waits()
    cloud.states, cloud.views = [{}, *cloud.states], [[], *cloud.views]
    handler(STARTED, CONTEXT)

    assert len(cloud.answers) == 1


def test_a_build_whose_result_shows_late_is_waited_for(cloud: Cloud) -> None:
    cloud.waits()
    cloud.decided("Approved")
    cloud.carried = ""
    with pytest.raises(RoadError, match="does not show its approval"):
        handler(STARTED, CONTEXT)

    assert cloud.untouched()


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Abandoned"])
def test_a_start_that_is_told_after_the_end_needs_no_answer(cloud: Cloud, status: str) -> None:
    cloud.ended(approval(status))
    cloud.decided("Approved")

    assert handler(STARTED, CONTEXT)["reason"] == "the approval has ended meanwhile"
    assert cloud.untouched()


def test_a_start_that_is_told_during_the_retry_needs_no_answer(cloud: Cloud) -> None:
    retry = approval("InProgress", by="", startTime=STARTED_AT + timedelta(minutes=9), actionExecutionId="another")
    cloud.ended(retry, approval("Failed", summary="too slow", code="JobFailed"))
    cloud.states = [{}]

    assert handler(STARTED, CONTEXT)["reason"] == "the approval has ended meanwhile"


def test_a_build_that_failed_carries_nothing(cloud: Cloud) -> None:
    cloud.waits()
    cloud.decided("Approved")
    exported = {"outputVariables": {"MODEL_PACKAGE_ARN": ARN.replace("/3", "/4")}}
    cloud.more = [action("Build", "TrainModel", status="Failed", output=exported)]
    handler(registry_event(), CONTEXT)

    assert len(cloud.answers) == 1


def test_another_executions_approval_is_not_answered_in_place_of_the_one_that_started(cloud: Cloud) -> None:
    cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    cloud.states = [{"status": "InProgress", "token": TOKEN, "lastStatusChange": STARTED_AT}]
    cloud.decided("Approved")
    cloud.get_pipeline_state = lambda name: {
        "stageStates": [
            {
                "stageName": "Approval",
                "latestExecution": {"pipelineExecutionId": "ffffffff-2a1d-42b0-9f37-5bf8cb693b28"},
                "actionStates": [{"actionName": "ManualApproval", "latestExecution": cloud.states[0]}],
            }
        ]
    }
    handler(STARTED, CONTEXT)

    assert cloud.untouched()


@pytest.mark.parametrize("events", list(itertools.permutations([registry_event(), STARTED, schedule()])))
def test_in_any_order_and_however_often_one_decision_gives_one_answer(cloud: Cloud, events: Any) -> None:
    cloud.waits()
    cloud.decided("Approved")
    for event in events * 5:
        handler(event, CONTEXT)

    assert (len(cloud.answers), cloud.updates) == (1, [])


def test_a_decision_does_not_come_back_from_the_other_side(cloud: Cloud) -> None:
    cloud.waits()
    cloud.decided("Rejected")
    for event in [registry_event(), FAILED, registry_event(), schedule()] * 3:
        handler(event, CONTEXT)

    assert (len(cloud.answers), cloud.updates) == (1, [])
    cloud.package["ModelApprovalStatus"] = "PendingManualApproval"
    handler(FAILED, CONTEXT)
    assert cloud.updates == []


# --- the clock


@pytest.mark.parametrize("seconds", [0, 59, 86_400, -5])
def test_the_clock_logs_how_long_an_approval_has_waited(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seconds: int
) -> None:
    monkeypatch.setattr(lambda_approval_bridge, "_now", lambda: STARTED_AT + timedelta(seconds=seconds))
    cloud.waits()
    handler(schedule(), CONTEXT)

    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {"approvalAgeSeconds": max(0, seconds)}


def test_the_clock_logs_zero_where_nothing_waits(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    handler(schedule(), CONTEXT)

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"approvalAgeSeconds": 0}]
    assert lambda_approval_bridge._now() - datetime.now(UTC) < timedelta(minutes=1)


def test_the_age_is_logged_before_anything_can_fail(
    cloud: Cloud, client_error: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.waits()
    cloud.faults["list_action_executions"] = [client_error("ThrottlingException")]
    with pytest.raises(ClientError):
        handler(schedule(), CONTEXT)

    assert "approvalAgeSeconds" in capsys.readouterr().out
