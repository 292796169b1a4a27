"""The approval function: both triggers, one decision that stands, and a job that always gets its result."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ml import lambda_auto_approve, registry
from ml.errors import InputError, RoadError
from ml.lambda_auto_approve import handler

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/3"
JOB_ID = "0123abcd-1111-2222-3333-0123456789ab"
CONTEXT = SimpleNamespace(
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:mle-004-auto-approve-model"
)
SECRET = "a-credential-of-the-job"


def evaluation(**values: Any) -> bytes:
    return json.dumps({"binary_classification_metrics": {k: {"value": v} for k, v in values.items()}}).encode()


def event(arn: object = ARN, **changes: Any) -> dict[str, Any]:
    """A registry event as EventBridge delivers it; what it claims beside the ARN does not matter."""
    return {
        "version": "0",
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "account": "123456789012",
        "region": "us-east-1",
        "detail": {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved", "ModelPackageGroupName": "anything"},
    } | changes


def job(parameters: object = None, **changes: Any) -> dict[str, Any]:
    """A job event as CodePipeline sends it, credentials included."""
    text = json.dumps({"modelPackageArn": ARN}) if parameters is None else parameters
    configuration = {"FunctionName": "mle-004-auto-approve-model", "UserParameters": text}
    data = {
        "actionConfiguration": {"configuration": configuration},
        "inputArtifacts": [],
        "artifactCredentials": {"accessKeyId": SECRET, "secretAccessKey": SECRET, "sessionToken": SECRET},
    }
    return {"CodePipeline.job": {"id": JOB_ID, "accountId": "123456789012", "data": data} | changes}


class Cloud:
    """The registry, the bucket and the pipeline as the function sees them; every request is checked and recorded."""

    def __init__(self, check: Any) -> None:
        self.check = check
        self.document = evaluation(accuracy=0.91)
        self.package: dict[str, Any] = {
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "PendingManualApproval",
        }
        self.register(hashlib.sha256(self.document).hexdigest())
        self.faults: dict[str, list[Exception]] = {}
        self.updates: list[dict[str, Any]] = []
        self.results: list[tuple[str, dict[str, Any]]] = []

    def register(self, digest: str) -> None:
        statistics = {"S3Uri": "s3://bucket/evaluations/1/evaluation.json", "ContentDigest": f"sha256:{digest}"}
        self.package["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}

    def hold(self, document: bytes) -> None:
        self.document = document
        self.register(hashlib.sha256(document).hexdigest())

    def fault(self, operation: str) -> None:
        if self.faults.get(operation):
            raise self.faults[operation].pop(0)

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        self.fault("describe_model_package")
        assert ModelPackageName == ARN
        return dict(self.package)

    def update_model_package(self, **parameters: Any) -> None:
        self.fault("update_model_package")
        self.check("sagemaker", "UpdateModelPackage", parameters)
        self.updates.append(parameters)
        self.package |= {key: parameters[key] for key in ("ModelApprovalStatus", "ApprovalDescription")}

    def get_object(self, *, Bucket: str, Key: str) -> Any:
        self.fault("get_object")
        assert (Bucket, Key) == ("bucket", "evaluations/1/evaluation.json")
        return {"Body": io.BytesIO(self.document)}

    def put_job_success_result(self, **parameters: Any) -> None:
        self.fault("put_job_success_result")
        self.check("codepipeline", "PutJobSuccessResult", parameters)
        self.results.append(("success", parameters))

    def put_job_failure_result(self, **parameters: Any) -> None:
        self.fault("put_job_failure_result")
        self.check("codepipeline", "PutJobFailureResult", parameters)
        self.results.append(("failure", parameters))

    def message(self) -> str:
        """The text of the only result, which must be a failure."""
        ((kind, parameters),) = self.results
        assert kind == "failure" and parameters["jobId"] == JOB_ID
        return parameters["failureDetails"]["message"]


@pytest.fixture
def cloud(check_request: Any, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud(check_request)
    monkeypatch.setattr(lambda_auto_approve, "client", lambda service: cloud)
    monkeypatch.setattr(registry, "growing_pauses", lambda seconds: [0, seconds])
    monkeypatch.setenv("MODEL_PACKAGE_GROUP", "ChurnPredictionModels")
    monkeypatch.setenv("THRESHOLDS", '{"accuracy": 0.85}')
    monkeypatch.setenv("APPROVAL_MODE", "automated")
    monkeypatch.setenv("GATE", '{"basis": "point", "confidence": 0.95, "championMargin": null}')
    return cloud


# --- decisions


@pytest.mark.parametrize("trigger", [event, job])
def test_a_good_model_is_approved_with_its_reason(cloud: Cloud, trigger: Any) -> None:
    reason = "Approved: accuracy 0.91 is at least 0.85"

    assert handler(trigger(), CONTEXT) == {"modelPackageArn": ARN, "decision": "Approved", "reason": reason}
    assert cloud.updates == [{"ModelPackageArn": ARN, "ModelApprovalStatus": "Approved", "ApprovalDescription": reason}]


@pytest.mark.parametrize("trigger", [event, job])
def test_a_weak_model_is_rejected_with_metric_value_and_limit(cloud: Cloud, trigger: Any) -> None:
    cloud.hold(evaluation(accuracy=0.71))

    assert handler(trigger(), CONTEXT)["decision"] == "Rejected"
    assert cloud.package["ApprovalDescription"] == "Rejected: accuracy 0.71 is below 0.85"


def test_an_approved_job_succeeds_once_with_the_reason(cloud: Cloud) -> None:
    handler(job(), CONTEXT)

    details = {"summary": "Approved: accuracy 0.91 is at least 0.85"}
    assert cloud.results == [("success", {"jobId": JOB_ID, "executionDetails": details})]


def test_a_rejected_job_fails_with_metric_value_and_limit(cloud: Cloud) -> None:
    cloud.hold(evaluation(accuracy=0.71))
    handler(job(), CONTEXT)

    assert cloud.message() == f"{ARN}: Rejected: accuracy 0.71 is below 0.85"


@pytest.mark.parametrize("trigger", [event, job])
def test_metrics_that_pass_decide_nothing_where_a_person_has_the_last_word(
    cloud: Cloud, trigger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVAL_MODE", "both")
    reason = "Passed: accuracy 0.91 is at least 0.85; a person decides"

    assert handler(trigger(), CONTEXT) == {"modelPackageArn": ARN, "decision": "Passed", "reason": reason}
    assert cloud.updates == []
    assert [(kind, result["executionDetails"]["summary"]) for kind, result in cloud.results] == (
        [("success", reason)] if trigger is job else []
    )


def test_metrics_that_fail_reject_before_a_person_is_asked(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVAL_MODE", "both")
    cloud.hold(evaluation(accuracy=0.71))
    handler(job(), CONTEXT)

    assert cloud.package["ModelApprovalStatus"] == "Rejected"
    assert cloud.message() == f"{ARN}: Rejected: accuracy 0.71 is below 0.85"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("APPROVAL_MODE", "manual"),
        ("APPROVAL_MODE", ""),
        ("GATE", "not json"),
        ("GATE", "{}"),
        ("GATE", '{"basis": "bound", "championMargin": null}'),
        ("GATE", '{"basis": "lower", "confidence": 0.95, "championMargin": null}'),
        ("GATE", '{"basis": "bound", "confidence": 1, "championMargin": null}'),
        ("GATE", '{"basis": "point", "confidence": 0.95, "championMargin": -0.01}'),
        ("GATE", '{"basis": "point", "confidence": 0.95, "championMargin": "0"}'),
    ],
)
def test_a_gate_that_cannot_be_judged_by_decides_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv(key, value)
    handler(job(), CONTEXT)

    assert cloud.updates == []
    assert f"not decided: {key} " in cloud.message()


def test_events_give_no_job_result(cloud: Cloud) -> None:
    handler(event(), CONTEXT)

    assert cloud.results == []


@pytest.mark.parametrize(
    ("stands", "says"),
    [
        ("by Ann", "Rejected: by Ann (decided before)"),
        ("", "Rejected: no reason given (decided before)"),
        ("Rejected: accuracy 0.71 is below 0.85", "Rejected: accuracy 0.71 is below 0.85 (decided before)"),
    ],
)
def test_a_job_that_comes_second_is_told_the_decision_once(cloud: Cloud, stands: str, says: str) -> None:
    cloud.package |= {"ModelApprovalStatus": "Rejected", "ApprovalDescription": stands}
    handler(job(), CONTEXT)

    assert cloud.message() == f"{ARN}: {says}"


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
@pytest.mark.parametrize("trigger", [event, job])
def test_a_decision_that_stands_is_reported_and_never_changed(cloud: Cloud, trigger: Any, status: str) -> None:
    cloud.hold(evaluation(accuracy=0.71 if status == "Approved" else 0.99))
    cloud.package |= {"ModelApprovalStatus": status, "ApprovalDescription": "by Ann"}
    result = handler(trigger(), CONTEXT)

    assert (result["decision"], result["reason"]) == (status, f"{status}: by Ann (decided before)")
    assert cloud.updates == []
    if trigger is job:
        assert [kind for kind, _ in cloud.results] == ["success" if status == "Approved" else "failure"]


def test_a_decision_that_stands_needs_no_evidence_any_more(cloud: Cloud, client_error: Any) -> None:
    cloud.package["ModelApprovalStatus"] = "Approved"
    cloud.faults["get_object"] = [client_error("AccessDenied")]

    assert handler(job(), CONTEXT)["decision"] == "Approved"


def test_repeated_invocations_write_once_and_agree(cloud: Cloud) -> None:
    decisions = {handler(trigger(), CONTEXT)["decision"] for trigger in [event, job] * 25}

    assert decisions == {"Approved"}
    assert len(cloud.updates) == 1
    assert {kind for kind, _ in cloud.results} == {"success"}


def test_somebody_who_decides_meanwhile_is_not_overruled(cloud: Cloud, client_error: Any) -> None:
    def conflict() -> None:
        cloud.package |= {"ModelApprovalStatus": "Rejected", "ApprovalDescription": "by Ann"}
        raise client_error("ConflictException")

    cloud.update_model_package = lambda **_: conflict()

    assert handler(event(), CONTEXT)["decision"] == "Rejected"


def test_a_group_in_lower_case_is_the_same_group(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PACKAGE_GROUP", "churnpredictionmodels")

    assert handler(event(), CONTEXT)["decision"] == "Approved"


# --- evidence that cannot be trusted is a rejection


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b'{"binary_classification_metrics": {}}',
        evaluation(auc=0.99),
        evaluation(accuracy="NaN"),
        b"9" * 2**21,
    ],
)
def test_an_evaluation_that_proves_nothing_is_a_rejection(cloud: Cloud, document: bytes) -> None:
    cloud.hold(document)

    assert handler(event(), CONTEXT)["decision"] == "Rejected"
    assert cloud.package["ApprovalDescription"].startswith("Rejected: ")


def test_one_changed_byte_of_the_evaluation_is_a_rejection(cloud: Cloud) -> None:
    cloud.document = cloud.document.replace(b"0.91", b"0.92")
    result = handler(job(), CONTEXT)

    assert result["decision"] == "Rejected"
    assert "evaluation.json is not the one registered" in cloud.message()


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket"])
def test_an_absent_evaluation_is_a_rejection(cloud: Cloud, client_error: Any, code: str) -> None:
    cloud.faults["get_object"] = [client_error(code)]

    assert handler(event(), CONTEXT)["decision"] == "Rejected"
    assert "does not exist" in cloud.package["ApprovalDescription"]


@pytest.mark.parametrize(
    "metrics", [{}, {"ModelQuality": {}}, {"ModelQuality": {"Statistics": {"S3Uri": "s3://bucket/k"}}}]
)
def test_a_package_without_a_vouched_evaluation_is_a_rejection(cloud: Cloud, metrics: Any) -> None:
    cloud.package["ModelMetrics"] = metrics

    assert handler(event(), CONTEXT)["decision"] == "Rejected"


@pytest.mark.parametrize("thresholds", ["{}", '{"acuracy": 0.85}', '{"accuracy": "0.85"}', '{"accuracy": NaN}'])
def test_thresholds_that_vouch_for_nothing_are_a_rejection(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, thresholds: str
) -> None:
    monkeypatch.setenv("THRESHOLDS", thresholds)

    assert handler(event(), CONTEXT)["decision"] == "Rejected"


# --- faults of AWS are no decision


FAULTS = ["describe_model_package", "update_model_package", "get_object"]


@pytest.mark.parametrize("operation", FAULTS)
@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDenied", "InternalError", "KMS.DisabledException"])
def test_a_fault_of_aws_raises_for_an_event_and_decides_nothing(
    cloud: Cloud, client_error: Any, operation: str, code: str
) -> None:
    cloud.faults[operation] = [client_error(code)]
    with pytest.raises(ClientError, match=code):
        handler(event(), CONTEXT)

    assert (cloud.updates, cloud.package["ModelApprovalStatus"]) == ([], "PendingManualApproval")


@pytest.mark.parametrize("operation", FAULTS)
def test_a_fault_of_aws_fails_the_job_as_not_decided(cloud: Cloud, client_error: Any, operation: str) -> None:
    cloud.faults[operation] = [client_error("ThrottlingException", "slow\ndown", "TheOperation")]

    assert handler(job(), CONTEXT)["decision"] == "none"
    assert cloud.message().startswith("not decided: TheOperation: ThrottlingException: slow down.")
    assert (cloud.updates, cloud.package["ModelApprovalStatus"]) == ([], "PendingManualApproval")


def test_an_unreachable_service_fails_the_job_as_not_decided(cloud: Cloud) -> None:
    cloud.faults["get_object"] = [EndpointConnectionError(endpoint_url="https://s3")]
    handler(job(), CONTEXT)

    assert cloud.message().startswith("not decided: EndpointConnectionError.")


def test_a_defect_fails_the_job_and_still_raises(cloud: Cloud) -> None:
    cloud.faults["get_object"] = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        handler(job(), CONTEXT)

    assert cloud.message().startswith("not decided: ZeroDivisionError.")


@pytest.mark.parametrize("status", ["InProgress", "Failed"])
def test_a_package_that_does_not_complete_is_not_decided(cloud: Cloud, status: str) -> None:
    cloud.package["ModelPackageStatus"] = status
    with pytest.raises(RoadError, match=f"is (still )?{status}"):
        handler(event(), CONTEXT)
    handler(job(), CONTEXT)

    assert cloud.message().startswith("not decided: ")
    assert cloud.updates == []


@pytest.mark.parametrize("thresholds", ["", "[]", "0.85", "{"])
def test_unreadable_thresholds_are_not_decided(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, thresholds: str) -> None:
    monkeypatch.setenv("THRESHOLDS", thresholds)
    with pytest.raises(InputError, match="THRESHOLDS is not a JSON object"):
        handler(event(), CONTEXT)
    handler(job(), CONTEXT)

    assert cloud.message().startswith("not decided: THRESHOLDS")
    assert cloud.updates == []


@pytest.mark.parametrize("result", ["success", "failure"])
@pytest.mark.parametrize("code", ["InvalidJobStateException", "JobNotFoundException"])
def test_a_job_that_is_over_was_answered_before(cloud: Cloud, client_error: Any, result: str, code: str) -> None:
    cloud.hold(evaluation(accuracy=0.91 if result == "success" else 0.71))
    cloud.faults[f"put_job_{result}_result"] = [client_error(code)]

    assert handler(job(), CONTEXT)["decision"] == ("Approved" if result == "success" else "Rejected")


def test_a_result_that_cannot_be_given_raises_and_the_retry_only_reports(cloud: Cloud, client_error: Any) -> None:
    cloud.faults["put_job_success_result"] = [client_error("ThrottlingException")]
    with pytest.raises(ClientError, match="ThrottlingException"):
        handler(job(), CONTEXT)
    handler(job(), CONTEXT)

    assert len(cloud.updates) == 1
    assert [kind for kind, _ in cloud.results] == ["success"]


# --- events that are none


OTHER_ARNS = [
    None, 7, [], {}, "", ARN + "\n", ARN.replace("/3", ""), ARN.replace("/3", "/0"), ARN.replace("/3", "/-1"),
    ARN.replace("/3", "/abc"), ARN.replace("ChurnPredictionModels", "OtherModels"), ARN.replace("Churn", "Сhurn"),
    ARN.replace("123456789012", "999999999999"), ARN.replace("us-east-1", "us-west-2"),
    ARN.replace("aws:", "aws-cn:", 1), "x" * 250_000,
]  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {}, None, [], "text", 3, event(source="aws.s3"), event(source=None), {"detail": {"ModelPackageArn": ARN}},
        event(**{"detail-type": "SageMaker Endpoint State Change"}),
        event(detail=None), event(detail=[]), event(detail={}), *[event(arn) for arn in OTHER_ARNS],
    ],
)  # fmt: skip
def test_a_malformed_event_is_refused_without_a_write(cloud: Cloud, bad: object) -> None:
    with pytest.raises(InputError) as caught:
        handler(bad, CONTEXT)

    assert "\n" not in str(caught.value)
    assert (cloud.updates, cloud.results) == ([], [])


@pytest.mark.parametrize(
    "bad",
    [
        job(data=None), job(data={}), job(data=[]), job(""), job("no json"), job("[]"), job("[" * 999),
        job("null"), job("{}"), job(7), job([]), job(json.dumps({"modelPackageArn": ARN, "more": "x" * 1000})),
        job() | event(), job() | {"detail": None}, *[job(json.dumps({"modelPackageArn": arn})) for arn in OTHER_ARNS],
    ],
)  # fmt: skip
def test_a_malformed_job_fails_without_a_write(cloud: Cloud, bad: Any) -> None:
    assert handler(bad, CONTEXT)["decision"] == "none"

    assert cloud.message().startswith("not decided: ") and len(cloud.message()) <= 5000
    assert cloud.updates == []


@pytest.mark.parametrize(
    "bad", [None, {}, [], "id", {"id": None}, {"id": ""}, {"id": 7}, {"id": "not-a-uuid"}, {"id": JOB_ID + "x"}]
)
def test_a_job_without_an_id_is_refused(cloud: Cloud, bad: object) -> None:
    with pytest.raises(InputError, match="the pipeline job has no id"):
        handler({"CodePipeline.job": bad}, CONTEXT)

    assert (cloud.updates, cloud.results) == ([], [])


def test_unknown_fields_are_accepted(cloud: Cloud) -> None:
    assert handler(event(more="fields", resources=[ARN]), CONTEXT)["decision"] == "Approved"
    assert handler(job(continuationToken="x"), CONTEXT)["decision"] == "Approved"


# --- what is logged


@pytest.mark.parametrize("trigger", [event, job])
def test_each_decision_is_one_json_line(cloud: Cloud, trigger: Any, capsys: pytest.CaptureFixture[str]) -> None:
    handler(trigger(), CONTEXT)
    (line,) = capsys.readouterr().out.splitlines()

    assert json.loads(line) == {
        "modelPackageArn": ARN,
        "decision": "Approved",
        "reason": "Approved: accuracy 0.91 is at least 0.85",
        "trigger": trigger.__name__,
        "written": True,
        "thresholds": {"accuracy": 0.85},
    }


@pytest.mark.parametrize(
    "bad",
    [
        job(),
        job(""),
        job(f'{{"modelPackageArn": "{ARN}", '),
        job() | {"detail": {}},
        {"CodePipeline.job": {"data": SECRET}},
    ],
)
def test_the_jobs_credentials_are_never_logged_nor_returned(
    cloud: Cloud, bad: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        shown = str(handler(bad, CONTEXT))
    except InputError as error:
        shown = str(error)
    captured = capsys.readouterr()

    assert SECRET not in captured.out + captured.err + shown + str(cloud.results)


# --- clients


def test_clients_are_made_once_when_needed_with_eight_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    lambda_auto_approve.client.cache_clear()
    first = lambda_auto_approve.client("sagemaker")

    assert lambda_auto_approve.client("sagemaker") is first
    assert first.meta.config.retries == {"mode": "standard", "total_max_attempts": 8}
    lambda_auto_approve.client.cache_clear()


@pytest.mark.parametrize(
    ("module", "named", "made"),
    [
        ("lambda_auto_approve", {"AWS_LAMBDA_FUNCTION_NAME": "auto-approve"}, "sagemaker s3 codepipeline"),
        ("lambda_approval_bridge", {"AWS_LAMBDA_FUNCTION_NAME": "bridge"}, "sagemaker codepipeline"),
        ("lambda_auto_approve", {}, ""),
        ("lambda_approval_bridge", {}, ""),
    ],
)
def test_lambda_alone_makes_the_clients_ahead_of_the_first_event(
    module: str, named: dict[str, str], made: str, source_root: Path
) -> None:
    code = (
        f"import boto3; made = []; boto3.client = lambda name, **_: made.append(name);import ml.{module}; print(*made)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.defpath, **named},
        cwd=source_root,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.strip() == made
