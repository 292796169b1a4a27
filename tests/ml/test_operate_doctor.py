"""The doctor: every fault has a finding of its own with a repair, and what AWS does not tell is not called sound."""

from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ml import endpoint, runtimes
from ml.errors import InputError
from ml.operate import doctor, parts
from ml.operate.check import Check, seen
from tests.ml.operated_stack import ACCOUNT, REGION, aws, pages, raising, refusal, stack

TODAY = date(2026, 11, 28)
LONG_BEFORE = date(2026, 1, 1)


def sound() -> dict[str, Any]:
    """Every service of an account in which nothing is wrong."""
    described = {"EndpointName": "churn", "EndpointStatus": "InService", "EndpointConfigName": "c"}
    config = {"CreationTime": None, "ProductionVariants": [{"ModelName": "m"}]}
    subscribed = [{"SubscriptionArn": "arn:aws:sns:1", "Endpoint": "ada@example.com"}]
    quotas = [
        {"QuotaName": "ml.m5.large for endpoint usage", "Value": 4.0},
        {"QuotaName": "Concurrently running builds for Linux/Small environment", "Value": 20.0},
    ]
    return {
        "sts": SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:aws:iam::1:user/ada", "Account": ACCOUNT}),
        "codepipeline": SimpleNamespace(get_pipeline_state=lambda name: {"stageStates": [{"stageName": "Build"}]}),
        "sagemaker": SimpleNamespace(
            describe_model_package_group=lambda ModelPackageGroupName: {"ModelPackageGroupStatus": "Completed"},
            describe_endpoint=lambda EndpointName: described,
            describe_endpoint_config=lambda EndpointConfigName: config,
            describe_model=lambda ModelName: {},
        ),
        "s3": SimpleNamespace(get_bucket_versioning=lambda Bucket: {"Status": "Enabled"}),
        "codebuild": SimpleNamespace(batch_get_projects=lambda names: {"projects": [{"environment": {"image": "i"}}]}),
        "lambda": SimpleNamespace(get_function_configuration=lambda FunctionName: {"Runtime": runtimes.LAMBDA_RUNTIME}),
        "events": SimpleNamespace(describe_rule=lambda Name: {"State": "ENABLED"}),
        "sqs": SimpleNamespace(
            get_queue_url=lambda QueueName: {"QueueUrl": "https://queue"},
            get_queue_attributes=lambda **_: {"Attributes": {"ApproximateNumberOfMessages": "0"}},
        ),
        "cloudwatch": SimpleNamespace(describe_alarms=lambda **_: {"MetricAlarms": [{"StateValue": "OK"}]}),
        "sns": SimpleNamespace(get_paginator=pages(list_subscriptions_by_topic=[{"Subscriptions": subscribed}])),
        "logs": SimpleNamespace(
            describe_log_groups=lambda logGroupNamePrefix: {
                "logGroups": [{"logGroupName": logGroupNamePrefix, "retentionInDays": 365}]
            }
        ),
        "service_quotas": SimpleNamespace(get_paginator=pages(list_service_quotas=[{"Quotas": quotas}])),
    }


def findings(services: dict[str, Any]) -> list[Check]:
    found = [*parts.checks(aws(**services), stack()), *parts.quotas(aws(**services), stack())]
    return [check for check in found if check.ok is not True]


def test_a_sound_stack_has_no_finding_and_every_kind_of_part_is_looked_at() -> None:
    assert findings(sound()) == []
    looked_at = {check.name for check in parts.checks(aws(**sound()), stack())}
    assert looked_at == {
        "pipeline pipeline", "registry group ChurnPredictionModels", "model bucket models-of-this-test",
        "build project train", "function approve", "rule push", "queue push-letters", "alarm errors", "topic alarms",
        "log group /aws/codebuild/train", "endpoint churn",
    }  # fmt: skip


def _closed(name: str) -> dict[str, Any]:
    return {"stageStates": [{"stageName": "Deploy", "inboundTransitionState": {"enabled": False}}]}


_WAITING = [{"SubscriptionArn": "PendingConfirmation", "Endpoint": "ada@example.com"}]
FAULTS: list[tuple[str, str, Callable[..., Any], str, str]] = [
    ("codepipeline", "get_pipeline_state", _closed, "nothing enters stage Deploy", "enable-stage-transition"),
    ("codepipeline", "get_pipeline_state", raising("PipelineNotFoundException"), "PipelineNotFound", "pulumi up"),
    (
        "sagemaker",
        "describe_model_package_group",
        raising("ValidationException", message="ModelPackageGroup x does not exist."),
        "Validation",
        "pulumi up",
    ),
    ("s3", "get_bucket_versioning", lambda Bucket: {}, "versioning off", "pulumi up --refresh"),
    ("codebuild", "batch_get_projects", lambda names: {"projects": []}, "absent", "pulumi up"),
    ("lambda", "get_function_configuration", lambda FunctionName: {"Runtime": "python3.9"}, "python3.9", "pulumi up"),
    ("events", "describe_rule", lambda Name: {"State": "DISABLED"}, "DISABLED", "aws events enable-rule --name push"),
    (
        "sqs",
        "get_queue_attributes",
        lambda **_: {"Attributes": {"ApproximateNumberOfMessages": "2"}},
        "2 dead letters",
        "receive-message --queue-url https://queue",
    ),
    ("sqs", "get_queue_url", raising("AWS.SimpleQueueService.NonExistentQueue"), "NonExistentQueue", "pulumi up"),
    ("cloudwatch", "describe_alarms", lambda **_: {"MetricAlarms": []}, "absent", "pulumi up"),
    (
        "cloudwatch",
        "describe_alarms",
        lambda **_: {"MetricAlarms": [{"StateValue": "OK", "ActionsEnabled": False}]},
        "tells nobody",
        "enable-alarm-actions",
    ),
    (
        "cloudwatch",
        "describe_alarms",
        lambda **_: {"MetricAlarms": [{"StateValue": "ALARM", "AlarmDescription": "read the log"}]},
        "ALARM",
        "read the log",
    ),
    (
        "sns",
        "get_paginator",
        pages(list_subscriptions_by_topic=[{"Subscriptions": _WAITING}]),
        "not confirmed: ada@example.com",
        "follow the link",
    ),
    ("logs", "describe_log_groups", lambda logGroupNamePrefix: {"logGroups": []}, "absent", "pulumi up"),
    (
        "logs",
        "describe_log_groups",
        lambda logGroupNamePrefix: {"logGroups": [{"logGroupName": logGroupNamePrefix}]},
        "for ever",
        "pulumi up --refresh",
    ),
    (
        "service_quotas",
        "get_paginator",
        pages(list_service_quotas=[{"Quotas": [{"QuotaName": "ml.m5.large for endpoint usage", "Value": 1.0}]}]),
        "1, and 2 are needed",
        "ask for 2 or more",
    ),
]


@pytest.mark.parametrize(("service", "operation", "answer", "found", "repair"), FAULTS)
def test_a_fault_is_found_and_comes_with_its_repair(
    service: str, operation: str, answer: Callable[..., Any], found: str, repair: str
) -> None:
    services = sound()
    setattr(services[service], operation, answer)

    wrong = [check for check in findings(services) if check.ok is False]
    assert len(wrong) == 1
    assert found in wrong[0].found
    assert repair in wrong[0].repair


def look(code: str, message: str = "said AWS") -> Check:
    return seen("topic alarms", raising(code, "ListSubscriptionsByTopic", message))


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized"]
)
def test_what_a_person_may_not_see_is_a_finding_too(code: str) -> None:
    check = look(code)
    assert (check.ok, check.found) == (False, code)
    assert check.repair == "ask for the right to call ListSubscriptionsByTopic"


def test_a_topic_that_a_person_may_not_see_is_not_called_absent() -> None:
    services = sound()
    refused = refusal("AuthorizationError", "ListSubscriptionsByTopic")
    services["sns"].get_paginator = pages(list_subscriptions_by_topic=refused)

    [check] = findings(services)
    assert (check.ok, check.repair) == (False, "ask for the right to call ListSubscriptionsByTopic")


@pytest.mark.parametrize(
    "code",
    ["NotFound", "404", "NoSuchBucket", "PipelineNotFoundException", "ResourceNotFoundException", "QueueDoesNotExist"],
)
def test_what_is_not_there_is_a_finding_with_the_command_that_makes_it(code: str) -> None:
    check = look(code)
    assert (check.ok, check.found, check.repair) == (False, code, "it is not there: pulumi up")


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "Throttling", "ExpiredToken", "InternalError", "ServiceUnavailable", "Validation"]
)
def test_a_fault_that_says_nothing_of_the_part_stays_an_open_question(code: str) -> None:
    check = look(code)
    assert (check.ok, check.found) == (None, f"{code}: said AWS")
    assert "pulumi up" not in check.repair


@pytest.mark.parametrize("status", sorted(endpoint.BROKEN))
def test_an_endpoint_that_is_not_there_yet_is_no_finding_and_a_broken_one_is(status: str) -> None:
    services = sound()
    services["sagemaker"].describe_endpoint = lambda EndpointName: {
        "EndpointName": "churn",
        "EndpointStatus": status,
        "EndpointConfigName": "c",
    }
    [check] = findings(services)
    assert (check.name, check.found) == ("endpoint churn", status)

    absent = refusal("ValidationException")
    absent.response["Error"]["Message"] = "Could not find endpoint"

    def gone(EndpointName: str) -> Any:
        raise absent

    services["sagemaker"].describe_endpoint = gone
    assert findings(services) == []


@pytest.mark.parametrize(
    "answer", [refusal("NoSuchResourceException"), [{"Quotas": []}]], ids=["refused", "not in the list"]
)
def test_a_quota_that_aws_does_not_tell_is_left_open_with_how_to_find_out(answer: Any) -> None:
    services = sound()
    services["service_quotas"].get_paginator = pages(list_service_quotas=answer)

    open_ones = findings(services)
    assert [check.ok for check in open_ones] == [None, None]
    assert "compare it in the Service Quotas console: 2 are needed" in open_ones[0].repair


def test_a_topic_without_subscribers_is_left_open() -> None:
    services = sound()
    services["sns"].get_paginator = pages(list_subscriptions_by_topic=[{"Subscriptions": []}])

    [check] = findings(services)
    assert (check.ok, check.found) == (None, "nobody is subscribed")


# --- here, on this machine


def answered(today: date = LONG_BEFORE, **services: Any) -> dict[str, dict[str, Any]]:
    found = doctor.doctor(aws(**{**sound(), **services}), stack(), today)
    return {row["check"]: row for row in found.rows}


def test_the_exit_status_is_1_exactly_when_something_is_to_be_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_there", lambda package: doctor._pins(doctor.REQUIREMENTS.read_text())[package])
    assert doctor.doctor(aws(**sound()), stack(), LONG_BEFORE).exit_status == 0
    services = sound()
    services["sns"].get_paginator = pages(list_subscriptions_by_topic=[{"Subscriptions": []}])
    assert doctor.doctor(aws(**services), stack(), LONG_BEFORE).exit_status == 0
    services["events"].describe_rule = lambda Name: {"State": "DISABLED"}
    assert doctor.doctor(aws(**services), stack(), LONG_BEFORE).exit_status == 1


def test_without_credentials_there_is_one_line() -> None:
    with pytest.raises(InputError, match="no usable AWS credentials.*Sign in"):
        answered(sts=SimpleNamespace(get_caller_identity=raising("ExpiredToken")))


def test_credentials_of_another_account_are_a_finding() -> None:
    others = SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:aws:iam::2:user/bob", "Account": "999999999999"})
    row = answered(sts=others)["account"]
    assert (row["ok"], "999999999999" in row["found"]) == (False, True)


def test_another_region_in_the_persons_environment_is_a_finding() -> None:
    assert answered(usual_region="eu-west-1")["region"]["repair"] == f"export AWS_REGION={REGION}"
    assert answered(usual_region=REGION)["region"]["ok"]
    assert answered()["region"]["ok"]


def test_another_version_than_the_pinned_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = {**doctor._pins(doctor.REQUIREMENTS.read_text()), "click": "0.1", "boto3": ""}
    monkeypatch.setattr(doctor, "_there", pins.__getitem__)
    row = answered()["packages of requirements.txt"]
    assert row["found"] == "boto3 absent, not 1.44.5; click 0.1, not 8.5.1"
    assert row["repair"] == "python -m pip install -r requirements.txt"


def test_another_scikit_learn_than_the_containers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_there", lambda package: "1.4.2")
    row = answered()["scikit-learn, as the serving container's"]
    assert (row["ok"], row["found"]) == (
        False,
        f"scikit-learn 1.4.2, not {runtimes.CONTAINER_LIBRARIES['scikit-learn']}",
    )


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (f"Lambda runtime {runtimes.LAMBDA_RUNTIME}", runtimes.LAMBDA_RUNTIME_ENDS[runtimes.LAMBDA_RUNTIME]),
        (f"build image {runtimes.BUILD_IMAGE}", runtimes.BUILD_IMAGE_ENDS[runtimes.BUILD_IMAGE]),
        (
            f"Python of builds and container {runtimes.PYTHON_VERSION}",
            runtimes.PYTHON_ENDS[runtimes.PYTHON_VERSION],
        ),
    ],
)
def test_half_a_year_before_its_end_a_version_is_a_finding(kind: str, end: date) -> None:
    assert answered(end - timedelta(days=181))[kind]["ok"] is True
    late = answered(end - timedelta(days=180))[kind]
    assert (late["ok"], str(end) in late["found"]) == (False, True)


def test_an_image_whose_end_nobody_noted_is_left_open() -> None:
    other = stack(training={"engine": "codebuild", "compute_type": "BUILD_GENERAL1_SMALL", "image": "mine:1"})
    rows = {row["check"]: row for row in doctor.doctor(aws(**sound()), other, TODAY).rows}
    assert rows["build image mine:1"]["ok"] is None
