"""EventBridge: which targets get an event, with whose permission, and what becomes of one that cannot be delivered."""

import io
import json
import random
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.account.calls import AwsError
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.event_delivery import Event, check_target
from rehearsal.pipeline.events import EventBus, delays

REGION = "us-east-1"
SERVICE = "events.amazonaws.com"
DRAIN_SECONDS = 10
EXACT_ARN = "ArnEquals"


class Notes:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, where: str, what: str) -> None:
        self.lines.append(f"{where}: {what}")


class Functions:
    """Takes the place of the function runner. `refusals` are raised, one per call, before events are accepted.

    Every call waits for `open`.
    """

    def __init__(self) -> None:
        self.invoked: list[tuple[str, Event]] = []
        self.refusals: list[AwsError] = []
        self.open = threading.Event()
        self._lock = threading.Lock()

    def invoke(self, arn: str, event: Event) -> None:
        self.open.wait(DRAIN_SECONDS)
        with self._lock:
            if self.refusals:
                raise self.refusals.pop(0)
            self.invoked.append((arn, event))


class Account:
    """A running cloud with a bus, and short ways to declare what the tests need. Names are the test's own."""

    def __init__(self, cloud: Cloud, notes: Notes) -> None:
        self.cloud = cloud
        self.notes = notes
        self.functions = Functions()
        self.bus = EventBus(cloud, self.functions.invoke)
        self.started: list[tuple[str, str]] = []
        cloud.operation("codepipeline", "StartPipelineExecution", self._start)

    def _start(self, params: dict[str, Any], caller: str) -> dict[str, str]:
        self.started.append((params["name"], caller))
        return {"pipelineExecutionId": "1"}

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{self.cloud.account}:{rest}"

    def role(self, name: str, trust: dict[str, Any], action: str, resource: str) -> str:
        iam = self.cloud.client("iam")
        trusted = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole", **trust}
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trusted))["Role"]
        granted = {"Sid": "Start", "Effect": "Allow", "Action": action, "Resource": resource}
        policy = iam.create_policy(PolicyName=f"{name}-access", PolicyDocument=_document(granted))["Policy"]
        iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
        return str(made["Arn"])

    def function(self, name: str) -> str:
        role = self.role(f"{name}-role", {"Principal": {"Service": "lambda.amazonaws.com"}}, "none:None", "*")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("main.py", "def handler(event, context): ...")
        made = self.cloud.client("lambda").create_function(
            FunctionName=name,
            Role=role,
            Handler="main.handler",
            Runtime="python3.13",
            Code={"ZipFile": buffer.getvalue()},
        )
        return str(made["FunctionArn"])

    def permit(self, function: str, rule: str, **other: str) -> None:
        given = {"SourceArn": self.arn("events", f"rule/{rule}"), "SourceAccount": self.cloud.account, **other}
        self.cloud.client("lambda").add_permission(
            FunctionName=function, StatementId="Rule", Action="lambda:InvokeFunction", Principal=SERVICE, **given
        )

    def rule(self, name: str, pattern: dict[str, Any], *targets: dict[str, Any]) -> str:
        events = self.cloud.client("events")
        arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": str(i), **target} for i, target in enumerate(targets)])
        return str(arn)

    def queue(self, name: str, rule_arn: str | None) -> tuple[str, str]:
        """Return URL and ARN of a queue to which `rule_arn` may send."""
        sqs = self.cloud.client("sqs")
        url, arn = sqs.create_queue(QueueName=name)["QueueUrl"], self.arn("sqs", name)
        if rule_arn:
            statement = {
                "Sid": "Rule",
                "Effect": "Allow",
                "Principal": {"Service": SERVICE},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {EXACT_ARN: {"aws:SourceArn": rule_arn}},
            }
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _document(statement)})
        return url, arn

    def messages(self, url: str) -> list[dict[str, Any]]:
        received = self.cloud.client("sqs").receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10
        )
        return list(received.get("Messages", []))

    def emit(self, source: str, **detail: Any) -> None:
        self.bus.emit(source, "Something Happened", detail, ["arn:aws:x:::y"])
        self.bus.drain(DRAIN_SECONDS)


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    notes = Notes()
    cloud = Cloud.start(tmp_path_factory.mktemp("work").resolve(), REGION, notes)
    yield Account(cloud, notes)
    cloud.stop()


@pytest.fixture
def account(shared: Account) -> Account:
    shared.functions.open.set()
    for memory in (shared.functions.invoked, shared.functions.refusals, shared.started, shared.notes.lines):
        memory.clear()
    return shared


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Short and the test's own: the name of everything that it makes, and the source of its events."""
    return f"t{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def watched(account: Account, name: str) -> str:
    """A permitted function behind a rule for events whose source is the test's name; its ARN."""
    arn = account.function(name)
    account.permit(name, name)
    account.rule(name, {"source": [name]}, {"Arn": arn})
    return arn


def test_event_has_the_whole_envelope(account: Account, name: str, watched: str) -> None:
    account.emit(name, colour="red")
    [(arn, event)] = account.functions.invoked
    assert arn == watched
    assert {key: event[key] for key in event if key not in ("id", "time")} == {
        "version": "0",
        "detail-type": "Something Happened",
        "source": name,
        "account": account.cloud.account,
        "region": REGION,
        "resources": ["arn:aws:x:::y"],
        "detail": {"colour": "red"},
    }
    assert len(event["id"]) == 36
    assert event["time"].endswith("Z") and len(event["time"]) == len("2026-01-01T00:00:00Z")


def test_only_matching_rules_deliver(account: Account, name: str, watched: str) -> None:
    account.emit(f"{name}-else")
    assert account.functions.invoked == []


def scheduled(account: Account, name: str, **more: str) -> tuple[str, str]:
    """A permitted function behind a rule that is due every five minutes; the ARNs of both."""
    arn = account.function(name)
    account.permit(name, name)
    events = account.cloud.client("events")
    rule = str(events.put_rule(Name=name, ScheduleExpression="rate(5 minutes)", **more)["RuleArn"])
    events.put_targets(Rule=name, Targets=[{"Id": "0", "Arn": arn}])
    return arn, rule


def test_rule_on_a_schedule_is_due_when_it_is_fired_and_hears_of_nothing_else(account: Account, name: str) -> None:
    arn, rule = scheduled(account, name)
    account.emit(name)
    assert account.functions.invoked == []
    account.bus.fire(name)
    account.bus.drain(DRAIN_SECONDS)
    [(invoked, event)] = account.functions.invoked
    assert invoked == arn
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == [rule]


def test_only_an_enabled_rule_on_a_schedule_can_be_fired(account: Account, name: str, watched: str) -> None:
    scheduled(account, f"{name}-off", State="DISABLED")
    for rule in (name, f"{name}-off", "no-such-rule"):
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            account.bus.fire(rule)


def test_event_that_comes_at_least_once_comes_with_one_content_and_an_id_of_its_own(
    account: Account, name: str, watched: str
) -> None:
    for _ in range(8):
        account.bus.emit_at_least_once(name, "Something Happened", {"colour": "red"}, [])
    begun = account.bus.drain(DRAIN_SECONDS)
    events = [event for _, event in account.functions.invoked]
    assert 8 < len(events) <= 24
    assert len({event["id"] for event in events}) == len(events)
    assert {event["detail"]["colour"] for event in events} == {"red"}
    assert account.bus.drain(DRAIN_SECONDS) == begun


def test_disabled_rule_delivers_nothing(account: Account, name: str, watched: str) -> None:
    account.cloud.client("events").disable_rule(Name=name)
    account.emit(name)
    assert account.functions.invoked == []


def test_function_without_permission_is_not_invoked_and_the_refusal_is_journalled(account: Account, name: str) -> None:
    arn = account.function(name)
    account.rule(name, {"source": [name]}, {"Arn": arn})
    account.emit(name)
    assert account.functions.invoked == []
    denied = [call for call in account.cloud.journal.denied() if call.check.resource == arn]
    assert [(call.principal, call.check.action) for call in denied] == [(SERVICE, "lambda:InvokeFunction")]


@pytest.mark.parametrize(
    "other",
    [{"SourceArn": f"arn:aws:events:{REGION}:123456789012:rule/other"}, {"SourceAccount": "999999999999"}],
    ids=["another rule", "another account"],
)
def test_permission_for_somebody_else_does_not_count(account: Account, name: str, other: dict[str, str]) -> None:
    arn = account.function(name)
    account.permit(name, name, **other)
    account.rule(name, {"source": [name]}, {"Arn": arn})
    account.emit(name)
    assert account.functions.invoked == []


def test_pipeline_is_started_as_the_targets_role(account: Account, name: str) -> None:
    pipeline = account.arn("codepipeline", name)
    source = {"Condition": {EXACT_ARN: {"aws:SourceArn": account.arn("events", f"rule/{name}")}}}
    role = account.role(name, source, "codepipeline:StartPipelineExecution", pipeline)
    account.rule(name, {"source": [name]}, {"Arn": pipeline, "RoleArn": role})
    account.emit(name)
    assert account.started == [(name, name)]


@pytest.mark.parametrize(
    ("trust", "action"),
    [
        ({"Principal": {"Service": "codebuild.amazonaws.com"}}, "codepipeline:StartPipelineExecution"),
        (
            {"Condition": {EXACT_ARN: {"aws:SourceArn": "arn:aws:events:x:1:rule/y"}}},
            "codepipeline:StartPipelineExecution",
        ),
        ({}, "codepipeline:StopPipelineExecution"),
    ],
    ids=["does not trust EventBridge", "trusts another rule", "may not start"],
)
def test_pipeline_is_not_started_when_the_role(account: Account, name: str, trust: Any, action: str) -> None:
    pipeline = account.arn("codepipeline", name)
    role = account.role(name, trust, action, pipeline)
    account.rule(name, {"source": [name]}, {"Arn": pipeline, "RoleArn": role})
    account.emit(name)
    assert account.started == []
    assert any("failed and was dropped: AccessDenied" in line for line in account.notes.lines)


def test_refused_delivery_goes_to_the_dead_letter_queue_at_once_with_its_reason(account: Account, name: str) -> None:
    rule_arn = account.arn("events", f"rule/{name}")
    url, queue = account.queue(name, rule_arn)
    arn = account.function(name)
    account.rule(name, {"source": [name]}, {"Arn": arn, "DeadLetterConfig": {"Arn": queue}})
    account.emit(name, colour="red")
    [message] = account.messages(url)
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == {"colour": "red"}
    assert attributes["ERROR_MESSAGE"].startswith(f"{SERVICE} for {rule_arn} is not authorized")
    assert {key: attributes[key] for key in attributes if key != "ERROR_MESSAGE"} == {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": arn,
        "ERROR_CODE": "AccessDeniedException",
    }


def test_event_for_a_missing_function_goes_to_the_dead_letter_queue(account: Account, name: str) -> None:
    url, queue = account.queue(name, account.arn("events", f"rule/{name}"))
    account.rule(
        name, {"source": [name]}, {"Arn": account.arn("lambda", "function:none"), "DeadLetterConfig": {"Arn": queue}}
    )
    account.emit(name)
    [message] = account.messages(url)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ResourceNotFoundException"


def test_queue_whose_policy_does_not_name_the_rule_gets_nothing(account: Account, name: str) -> None:
    url, queue = account.queue(name, account.arn("events", "rule/another"))
    account.rule(name, {"source": [name]}, {"Arn": account.function(name), "DeadLetterConfig": {"Arn": queue}})
    account.emit(name)
    assert account.messages(url) == []
    assert any("sqs:SendMessage" in line for line in account.notes.lines)


def _busy() -> AwsError:
    return AwsError("TooManyRequestsException", "Rate exceeded", 429)


def test_throttled_delivery_is_tried_again(account: Account, name: str, watched: str) -> None:
    account.functions.refusals = [_busy(), AwsError("ServiceException", "oops", 500)]
    account.emit(name)
    assert len(account.functions.invoked) == 1


def test_retries_end_where_the_target_says_and_the_queue_tells_how_many(account: Account, name: str) -> None:
    arn = account.function(name)
    account.permit(name, name)
    url, queue = account.queue(name, account.arn("events", f"rule/{name}"))
    target = {"Arn": arn, "RetryPolicy": {"MaximumRetryAttempts": 1}, "DeadLetterConfig": {"Arn": queue}}
    account.rule(name, {"source": [name]}, target)
    account.functions.refusals = [_busy(), _busy(), _busy()]
    account.emit(name)
    assert len(account.functions.refusals) == 1
    [message] = account.messages(url)
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert (attributes["RETRY_ATTEMPTS"], attributes["EXHAUSTED_RETRY_CONDITION"]) == ("1", "MaximumRetryAttempts")


@pytest.mark.parametrize(
    "target",
    [{"Arn": "arn:aws:sns:us-east-1:123456789012:topic"}, {"Arn": "arn:aws:codepipeline:us-east-1:123456789012:p"}],
    ids=["a kind that is not delivered to", "a pipeline without a role"],
)
def test_target_is_refused(target: dict[str, str]) -> None:
    with pytest.raises(AwsError, match="ValidationException"):
        check_target(target)


def test_callers_own_events_are_delivered(account: Account, name: str, watched: str) -> None:
    entry = {"Source": name, "DetailType": "Something Happened", "Detail": json.dumps({"colour": "blue"})}
    answer = account.cloud.client("events").put_events(Entries=[entry])
    account.bus.drain(DRAIN_SECONDS)
    [(_, event)] = account.functions.invoked
    assert (event["detail"], event["id"]) == ({"colour": "blue"}, answer["Entries"][0]["EventId"])


def test_malformed_detail_is_refused_for_its_entry_alone(account: Account, name: str, watched: str) -> None:
    entry = {"Source": name, "DetailType": "Something Happened"}
    answer = account.cloud.client("events").put_events(
        Entries=[{**entry, "Detail": "{"}, {**entry, "Detail": '{"colour": "blue"}'}]
    )
    account.bus.drain(DRAIN_SECONDS)
    assert (answer["FailedEntryCount"], answer["Entries"][0]["ErrorCode"]) == (1, "MalformedDetail")
    assert len(account.functions.invoked) == 1


@pytest.fixture
def register(account: Account, name: str) -> Callable[[], str]:
    """Registers a version in a group of the test's name and returns its ARN; a permitted function hears of it."""

    def create() -> str:
        sagemaker = account.cloud.client("sagemaker")
        made = sagemaker.create_model_package(
            ModelPackageGroupName=name,
            InferenceSpecification={
                "Containers": [{"Image": "1.dkr.ecr.us-east-1.amazonaws.com/a:1", "ModelDataUrl": "s3://b/k"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"commit": "c"},
        )
        return str(made["ModelPackageArn"])

    account.cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    arn = account.function(name)
    account.permit(name, name)
    account.rule(name, {"source": ["aws.sagemaker"], "detail": {"ModelPackageGroupName": [name]}}, {"Arn": arn})
    return create


def test_registry_event_carries_the_documented_fields_and_no_customer_metadata(
    account: Account, name: str, register: Callable[[], str]
) -> None:
    arn = register()
    account.bus.drain(DRAIN_SECONDS)
    event = account.functions.invoked[0][1]
    detail = event["detail"]
    assert (event["detail-type"], event["resources"]) == ("SageMaker Model Package State Change", [arn])
    assert (detail["ModelPackageGroupName"], detail["ModelPackageVersion"]) == (name, 1)
    assert (detail["ModelPackageArn"], detail["ModelApprovalStatus"]) == (arn, "PendingManualApproval")
    assert detail["ModelPackageStatus"] == "Completed"
    assert detail["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == "s3://b/k"
    assert "CustomerMetadataProperties" not in detail
    json.dumps(event)


def test_registry_event_comes_at_registration_and_at_each_update_with_the_status_of_that_moment(
    account: Account, register: Callable[[], str]
) -> None:
    arn = register()
    account.cloud.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    account.bus.drain(DRAIN_SECONDS)
    statuses = {event["detail"]["ModelApprovalStatus"] for _, event in account.functions.invoked}
    assert statuses == {"PendingManualApproval", "Approved"}


def test_registry_event_is_repeated_one_to_three_times_out_of_order_and_the_same_in_every_run() -> None:
    runs = [delays(random.Random(seed)) for seed in range(30)]
    assert {len(run) for run in runs} == {1, 2, 3}
    assert any(run != sorted(run) for run in runs)
    assert runs == [delays(random.Random(seed)) for seed in range(30)]


def test_drain_gives_up_in_time(account: Account, name: str, watched: str) -> None:
    account.functions.open.clear()
    account.bus.emit(name, "Something Happened", {}, [])
    with pytest.raises(TimeoutError, match="still under way after 0.01 s: 1"):
        account.bus.drain(0.01)
    account.functions.open.set()
    account.bus.drain(DRAIN_SECONDS)
    assert len(account.functions.invoked) == 1
