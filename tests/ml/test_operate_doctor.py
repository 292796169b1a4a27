"""The doctor: every fault has a finding of its own with a repair, and what AWS does not tell is not called sound."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError

from ml import endpoint, runtimes
from ml.operate import doctor, parts, quotas, tools
from ml.operate.check import Check, seen
from ml.operate.stack import Found
from tests.ml.fake_pulumi import FakePulumi
from tests.ml.operated_stack import ACCOUNT, OUTPUTS, REGION, aws, pages, raising, refusal, stack

TODAY = date(2026, 11, 28)
LONG_BEFORE = date(2026, 1, 1)


def sound() -> dict[str, Any]:
    """Every service of an account in which nothing is wrong."""
    described = {"EndpointName": "churn", "EndpointStatus": "InService", "EndpointConfigName": "c"}
    config = {"CreationTime": None, "ProductionVariants": [{"ModelName": "m"}]}
    subscribed = [{"SubscriptionArn": "arn:aws:sns:1", "Endpoint": "ada@example.com"}]
    listed = [
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
        "s3": SimpleNamespace(
            get_bucket_versioning=lambda Bucket: {"Status": "Enabled"},
            get_bucket_encryption=lambda Bucket: encrypted("aws:kms"),
            get_public_access_block=lambda Bucket: {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
        ),
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
        "service_quotas": SimpleNamespace(get_paginator=pages(list_service_quotas=[{"Quotas": listed}])),
    }


def encrypted(by: str) -> dict[str, Any]:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": by}}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def only(bucket: str, sound: Any, ill: Any) -> Callable[..., Any]:
    """An operation that answers otherwise for one of the buckets."""
    return lambda Bucket: ill if Bucket.startswith(bucket) else sound


def findings(services: dict[str, Any]) -> list[Check]:
    found = [*parts.checks(aws(**services), stack()), *quotas.quotas(aws(**services), stack())]
    return [check for check in found if check.ok is not True]


def test_a_sound_stack_has_no_finding_and_every_kind_of_part_is_looked_at() -> None:
    assert findings(sound()) == []
    looked_at = {check.name for check in parts.checks(aws(**sound()), stack())}
    assert looked_at == {
        "pipeline pipeline", "registry group ChurnPredictionModels", "model bucket models-of-this-test",
        "artifact bucket artifacts-of-this-test", "build project train", "function approve", "rule push",
        "queue push-letters", "alarm errors", "topic alarms",
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
    ("s3", "get_bucket_versioning", only("models", {"Status": "Enabled"}, {}), "versioning off", "pulumi up --refresh"),
    ("s3", "get_bucket_versioning", only("artifacts", {"Status": "Enabled"}, {}), "versioning off", "somebody"),
    (
        "s3",
        "get_bucket_encryption",
        only("artifacts", encrypted("aws:kms"), encrypted("AES256")),
        "encrypted by AES256",
        "pulumi up --refresh",
    ),
    (
        "s3",
        "get_public_access_block",
        only(
            "artifacts",
            {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
            {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": False}},
        ),
        "BlockPublicPolicy switched off",
        "somebody opened it",
    ),
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


def test_a_bucket_without_a_public_access_block_is_open() -> None:
    services = sound()
    services["s3"].get_public_access_block = raising("NoSuchPublicAccessBlockConfiguration")
    assert [check.found for check in findings(services)] == ["the public access block switched off"] * 2


def unreachable(**_: Any) -> Any:
    raise EndpointConnectionError(endpoint_url="https://sqs.eu-west-9.amazonaws.com")


def test_a_part_that_cannot_be_reached_stays_open_and_the_others_are_looked_at() -> None:
    services = sound()
    services["sqs"].get_queue_url = unreachable
    services["events"].describe_rule = lambda Name: {"State": "DISABLED"}

    by_ok = {check.ok: check for check in findings(services)}
    assert (by_ok[None].name, by_ok[None].repair) == ("queue push-letters", "run the doctor again in a while")
    assert "Could not connect to the endpoint URL" in by_ok[None].found
    assert by_ok[False].name == "rule push"


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


@pytest.fixture(autouse=True)
def pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePulumi:
    """A Pulumi CLI of a good age, whatever this machine has."""
    fake = FakePulumi(tmp_path)
    fake.answer("echo v3.300.1")
    monkeypatch.setenv("PATH", str(fake.folder))
    return fake


FROM_FILE = Found(stack=stack(), source="outputs.json")


def answered(today: date = LONG_BEFORE, found: Found = FROM_FILE, **services: Any) -> dict[str, dict[str, Any]]:
    answer = doctor.doctor(aws(**{**sound(), **services}), found, today)
    return {row["check"]: row for row in answer.rows}


def test_the_exit_status_is_1_exactly_when_something_is_to_be_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_there", lambda package: tools._pins(tools.REQUIREMENTS.read_text())[package])
    assert doctor.doctor(aws(**sound()), FROM_FILE, LONG_BEFORE).exit_status == 0
    services = sound()
    services["sns"].get_paginator = pages(list_subscriptions_by_topic=[{"Subscriptions": []}])
    assert doctor.doctor(aws(**services), FROM_FILE, LONG_BEFORE).exit_status == 0
    services["events"].describe_rule = lambda Name: {"State": "DISABLED"}
    assert doctor.doctor(aws(**services), FROM_FILE, LONG_BEFORE).exit_status == 1


@pytest.mark.parametrize("refuse", [raising("ExpiredToken"), unreachable])
def test_without_credentials_what_needs_none_is_looked_at_all_the_same(refuse: Callable[..., Any]) -> None:
    rows = answered(sts=SimpleNamespace(get_caller_identity=refuse))
    assert (rows["credentials"]["ok"], "sign in" in rows["credentials"]["repair"]) == (False, True)
    assert {"stack outputs", "Python", f"build image {runtimes.BUILD_IMAGE}"} <= set(rows)
    assert "pipeline pipeline" not in rows


def no_region() -> Any:
    raise NoRegionError


def test_without_a_region_it_is_not_said_to_sign_in() -> None:
    row = answered(sts=SimpleNamespace(get_caller_identity=no_region))["credentials"]
    assert (row["ok"], row["repair"]) == (False, "export AWS_REGION")


def test_without_outputs_what_needs_none_is_looked_at_all_the_same() -> None:
    rows = answered(found=Found(stack=None, source="", problem="pulumi stack output: there are none"))
    assert (rows["stack outputs"]["ok"], rows["stack outputs"]["found"]) == (
        False,
        "pulumi stack output: there are none",
    )
    assert "pulumi up" in rows["stack outputs"]["repair"]
    assert rows["credentials"]["ok"]
    assert {"Python", "Pulumi CLI >=3.260.0", f"Lambda runtime {runtimes.LAMBDA_RUNTIME}"} <= set(rows)
    assert not any(check.startswith(("pipeline", "quota", "build image", "account")) for check in rows)


def test_a_stack_known_by_its_settings_alone_is_a_finding_and_is_looked_at() -> None:
    rows = answered(found=Found(stack=stack(), source="Pulumi.dev.yaml", problem="there are none"))
    assert (rows["stack outputs"]["ok"], rows["stack outputs"]["found"]) == (
        False,
        "there are none; looked at by Pulumi.dev.yaml",
    )
    assert rows["pipeline pipeline"]["ok"]


def test_what_a_person_changed_by_hand_is_left_open_with_the_command_that_tells() -> None:
    row = answered()["changed by hand"]
    assert (row["ok"], row["repair"].partition(";")[0]) == (None, "pulumi preview --refresh --diff")


def test_credentials_of_another_account_are_a_finding() -> None:
    others = SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:aws:iam::2:user/bob", "Account": "999999999999"})
    row = answered(sts=others)["account"]
    assert (row["ok"], "999999999999" in row["found"]) == (False, True)


def test_another_region_in_the_persons_environment_is_a_finding() -> None:
    assert answered(usual_region="eu-west-1")["region"]["repair"] == f"export AWS_REGION={REGION}"
    assert answered(usual_region=REGION)["region"]["ok"]
    assert answered()["region"]["ok"]


def test_another_version_than_the_pinned_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = {**tools._pins(tools.REQUIREMENTS.read_text()), "click": "0.1", "boto3": ""}
    monkeypatch.setattr(tools, "_there", pins.__getitem__)
    row = answered()["packages of requirements.txt"]
    assert row["found"] == "boto3 absent, not 1.44.5; click 0.1, not 8.5.1"
    assert row["repair"] == "python -m pip install -r requirements.txt"


def test_another_scikit_learn_than_the_containers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_there", lambda package: "1.4.2")
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
    other = stack(training={**OUTPUTS["training"], "image": "mine:1"})
    assert answered(TODAY, Found(stack=other, source="o.json"))["build image mine:1"]["ok"] is None


CLI = "Pulumi CLI >=3.260.0"


@pytest.mark.parametrize(("told", "ok"), [("v3.259.9", False), ("v3.260.0", True), ("v4.0.0", True), ("v3", None)])
def test_the_pulumi_cli_is_held_against_what_the_project_requires(
    pulumi: FakePulumi, told: str, ok: bool | None
) -> None:
    pulumi.answer(f"echo {told}")
    row = answered()[CLI]
    assert row["ok"] is ok
    assert told.removeprefix("v") in row["found"]


def test_a_pulumi_cli_that_fails_stays_open(pulumi: FakePulumi) -> None:
    pulumi.answer("echo v9.9.9; echo broken >&2; exit 3")
    assert (answered()[CLI]["ok"], "broken" in answered()[CLI]["found"]) == (None, True)


def test_an_absent_pulumi_cli_is_a_finding_only_where_the_outputs_were_to_come_from_it(pulumi: FakePulumi) -> None:
    pulumi.remove()
    assert answered()[CLI]["ok"] is None
    row = answered(found=Found(stack=stack(), source="Pulumi.dev.yaml", problem="not on PATH"))[CLI]
    assert (row["ok"], row["repair"]) == (False, "install the newest: pulumi.com/docs/install")


# --- quotas


def test_a_serverless_endpoint_needs_its_concurrency() -> None:
    serverless = stack(endpoint={**OUTPUTS["endpoint"], "kind": "serverless"})
    assert quotas.needed(serverless)["sagemaker"] == {quotas.SERVERLESS_QUOTA: 10}


@pytest.mark.parametrize(("search", "jobs"), [((0, 4), 1), ((8, 4), 4), ((8, 1), 1)])
def test_training_jobs_need_as_many_instances_as_run_at_once(search: tuple[int, int], jobs: int) -> None:
    plan = {"trials": search[0], "folds": 3, "parallel_jobs": search[1]}
    training = {**OUTPUTS["training"], "search": plan}
    in_jobs = quotas.needed(stack(training={**training, "engine": "sagemaker"}))["sagemaker"]
    assert in_jobs["ml.m5.xlarge for training job usage"] == jobs
    assert "ml.m5.xlarge for training job usage" not in quotas.needed(stack(training=training))["sagemaker"]


def test_a_quota_of_training_instances_that_is_too_small_is_found() -> None:
    services, training = sound(), {**OUTPUTS["training"], "engine": "sagemaker"}
    listed = [{"QuotaName": "ml.m5.xlarge for training job usage", "Value": 0.0}]
    services["service_quotas"].get_paginator = pages(list_service_quotas=[{"Quotas": listed}])

    found = {check.name: check for check in quotas.quotas(aws(**services), stack(training=training))}
    check = found["quota ml.m5.xlarge for training job usage"]
    assert (check.ok, check.found) == (False, "0, and 1 are needed")
    assert "ask for 1 or more in the Service Quotas console (sagemaker: ml.m5.xlarge for training" in check.repair
