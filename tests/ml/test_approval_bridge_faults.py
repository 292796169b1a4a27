"""The bridge function when something is wrong: faults of AWS are tried again, and what is no event changes nothing."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.errors import InputError
from ml.lambda_approval_bridge import handler
from tests.ml.bridge_cloud import (
    ARN,
    CONTEXT,
    EXECUTION,
    SECRET,
    Cloud,
    approval,
    approval_event,
    job,
    registry_event,
    schedule,
    serve,
)

STARTED, FAILED = approval_event("STARTED"), approval_event("FAILED")
FAULTS = ["ThrottlingException", "AccessDeniedException", "InternalError"]


@pytest.fixture
def cloud(check_request: Any, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return serve(Cloud(check_request), monkeypatch)


# --- faults of AWS


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize(
    ("event", "operation"),
    [
        (registry_event(), "describe_model_package"),
        (registry_event(), "get_pipeline_state"),
        (registry_event(), "list_action_executions"),
        (registry_event(), "put_approval_result"),
        (STARTED, "get_pipeline_state"),
        (STARTED, "list_action_executions"),
        (STARTED, "describe_model_package"),
        (STARTED, "put_approval_result"),
        (schedule(), "get_pipeline_state"),
        (schedule(), "put_approval_result"),
    ],
)
def test_a_fault_of_aws_raises_and_the_retry_answers(
    cloud: Cloud, client_error: Any, event: Any, operation: str, code: str
) -> None:
    cloud.waits()
    cloud.decided("Approved")
    cloud.faults[operation] = [client_error(code)]
    with pytest.raises(ClientError, match=code):
        handler(event, CONTEXT)
    assert cloud.untouched()
    handler(event, CONTEXT)

    assert len(cloud.answers) == 1


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("operation", ["list_action_executions", "describe_model_package", "update_model_package"])
def test_a_fault_of_aws_raises_and_the_retry_records(
    cloud: Cloud, client_error: Any, operation: str, code: str
) -> None:
    cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    cloud.faults[operation] = [client_error(code)]
    with pytest.raises(ClientError, match=code):
        handler(FAILED, CONTEXT)
    assert cloud.untouched()
    handler(FAILED, CONTEXT)

    assert cloud.status == "Rejected"


# --- events that are none


OTHER_ARNS = [
    None, 7, [], {}, "", ARN + "\n", ARN.replace("/3", ""), ARN.replace("/3", "/0"), ARN.replace("/3", "/abc"),
    ARN.replace("ChurnPredictionModels", "OtherModels"), ARN.replace("123456789012", "999999999999"),
    ARN.replace("us-east-1", "us-west-2"), ARN.replace("aws:", "aws-cn:", 1), "x" * 250_000,
]  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        None, [], "text", 3, {}, {"detail": {}}, registry_event(source="aws.s3"), registry_event(source=["aws.s3"]),
        registry_event(detail=None), registry_event(**{"detail-type": "SageMaker Endpoint State Change"}),
        *[registry_event(arn) for arn in OTHER_ARNS],
        STARTED | {"source": "aws.sagemaker"}, STARTED | {"detail-type": "CodePipeline Stage Execution State Change"},
        STARTED | {"detail": None}, STARTED | {"detail": []},
        *[approval_event(state) for state in ("SUCCEEDED", "CANCELED", "started", "")],
        *[
            approval_event(**change)
            for change in (
                {"pipeline": "another"}, {"pipeline": None}, {"stage": "Build"}, {"action": "AutoApproval"},
                {"state": None}, {"state": ["STARTED"]}, {"execution-id": None}, {"execution-id": "x"},
                {"execution-id": EXECUTION + "\n"}, {"action-execution-id": 7}, {"action-execution-id": "../x"},
            )
        ],
        schedule() | {"detail-type": "Anything"}, schedule() | {"source": "my.clock"},
    ],
    ids=lambda bad: str(bad)[:80],
)  # fmt: skip
def test_an_event_that_is_none_is_refused_and_nothing_is_written(cloud: Cloud, bad: object) -> None:
    cloud.waits()
    cloud.decided("Approved")
    with pytest.raises(InputError) as caught:
        handler(bad, CONTEXT)

    assert "\n" not in str(caught.value)
    assert (cloud.answers, cloud.updates, cloud.results) == ([], [], [])


@pytest.mark.parametrize("event", [STARTED, schedule(), FAILED])
@pytest.mark.parametrize("carried", [ARN.replace("Churn", "Other"), ARN.replace("us-east-1", "us-west-2"), "no ARN"])
def test_a_version_that_is_not_this_stacks_is_never_decided_about(cloud: Cloud, event: Any, carried: str) -> None:
    cloud.waits()
    if event is FAILED:
        cloud.ended(approval("Failed", summary="too slow", code="JobFailed"))
    cloud.decided("PendingManualApproval" if event is FAILED else "Approved")
    cloud.carried = carried
    with pytest.raises(InputError):
        handler(event, CONTEXT)

    assert cloud.untouched()


@pytest.mark.parametrize(
    "bad", [job(""), job("no json"), job("[]"), job("{}"), job(7), job() | STARTED, job('{"modelPackageArn": "x"}')]
)
def test_a_malformed_job_fails_without_a_write(cloud: Cloud, bad: Any) -> None:
    cloud.ended(approval("Succeeded", summary="looks good"))

    assert handler(bad, CONTEXT)["decision"] == "none"
    assert cloud.message().startswith("not decided: ")
    assert cloud.untouched()


# --- what is logged


@pytest.mark.parametrize(
    ("event", "trigger"), [(registry_event(), "event"), (STARTED, "event"), (schedule(), "schedule"), (job(), "job")]
)
def test_what_was_done_is_one_json_line(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], event: Any, trigger: str
) -> None:
    cloud.waits()
    cloud.decided("Approved")
    result = handler(event, CONTEXT)
    output = capsys.readouterr().out

    assert json.loads(output.splitlines()[-1]) == {**result, "trigger": trigger}
    assert SECRET not in output + str(result) + str(cloud.results)
