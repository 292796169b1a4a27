"""Hand an event to a rule's target as EventBridge does: with the target's role or the function's own policy.

Ours: retries follow the target's policy but are few and quick. Source: EventBridge user guide, "Retrying event
delivery" and "Using dead-letter queues".
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from rehearsal.account.calls import AwsError, Call, Check
from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import Cloud
from rehearsal.account.iam import Policy, evaluate_for_service

Event: TypeAlias = dict[str, Any]
InvokeFunction: TypeAlias = Callable[[str, Event], None]

_SERVICE = "events.amazonaws.com"
_MOST_RETRIES = 3  # EventBridge retries 185 times in 24 hours unless the target says less
_FIRST_PAUSE_SECONDS = 0.05
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException"})


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event on its way to one target of one rule."""

    rule_name: str
    rule_arn: str
    target: Mapping[str, Any]
    event: Event

    @property
    def label(self) -> str:
        """Say it in one line."""
        name = self.target["Arn"].split(":", 5)[-1]
        return f"{self.rule_name}: {self.event['detail-type']} -> {name}"


class Courier:
    """Delivers. `invoke_function` takes a function's ARN and an event, and returns at once."""

    def __init__(self, cloud: Cloud, invoke_function: InvokeFunction) -> None:
        self._cloud = cloud
        self._invoke_function = invoke_function

    def deliver(self, delivery: Delivery) -> None:
        """Hand the event over, again where that may help, and else put it into the target's dead-letter queue."""
        policy = delivery.target.get("RetryPolicy", {})
        most = min(_MOST_RETRIES, policy.get("MaximumRetryAttempts", _MOST_RETRIES))
        retries = 0
        while True:
            try:
                self._hand_over(delivery)
            except (AwsError, ClientError) as error:
                failure = as_aws_error(error)
            else:
                self._cloud.progress.note("EventBridge", delivery.label)
                return
            if retries == most or not _may_pass(failure):
                self._give_up(delivery, failure, retries)
                return
            time.sleep(_FIRST_PAUSE_SECONDS * 2**retries)
            retries += 1

    def _hand_over(self, delivery: Delivery) -> None:
        arn = delivery.target["Arn"]
        if _kind(arn) == "codepipeline":
            credentials = self._cloud.assume(
                delivery.target["RoleArn"], _SERVICE, source_arn=delivery.rule_arn, session=delivery.event["id"]
            )
            client = self._cloud.client("codepipeline", credentials)
            client.start_pipeline_execution(name=arn.rpartition(":")[2])
        else:
            self._require(self._function_policy(arn), "lambda:InvokeFunction", arn, delivery)
            self._invoke_function(arn, delivery.event)

    def _function_policy(self, arn: str) -> str | None:
        client = self._cloud.client("lambda")
        client.get_function(FunctionName=arn)
        try:
            return str(client.get_policy(FunctionName=arn)["Policy"])
        except client.exceptions.ResourceNotFoundException:
            return None

    def _require(self, policy: str | None, action: str, resource: str, delivery: Delivery) -> None:
        """Ask a resource's own policy whether this rule may use it. Raises AwsError AccessDeniedException."""
        context = {"aws:SourceArn": delivery.rule_arn, "aws:SourceAccount": self._cloud.account}
        check = Check(action=action, resource=resource, context=context)
        policies = [Policy(name="resource policy", document=json.loads(policy))] if policy else []
        decision = evaluate_for_service(policies, _SERVICE, check)
        self._cloud.journal.record(
            Call(
                principal=_SERVICE, check=check, allowed=decision.allowed, reason=decision.reason, via="event delivery"
            )
        )
        if not decision.allowed:
            text = f"{_SERVICE} for {delivery.rule_arn} is not authorized to perform: {action} on resource: {resource}"
            raise AwsError("AccessDeniedException", text, HTTPStatus.FORBIDDEN)

    def _give_up(self, delivery: Delivery, failure: AwsError, retries: int) -> None:
        """Put the event into the target's dead-letter queue, if it has one and the queue lets the rule."""
        queue_arn = delivery.target.get("DeadLetterConfig", {}).get("Arn")
        note, label = self._cloud.progress.note, delivery.label
        if queue_arn is None:
            note("EventBridge", f"{label} failed and was dropped: {failure}")
            return
        try:
            self._dead_letter(queue_arn, delivery, failure, retries)
        except (AwsError, ClientError) as error:
            note("EventBridge", f"{label} failed ({failure}) and was dropped: {as_aws_error(error)}")
        else:
            note("EventBridge", f"{label} failed, now in {queue_arn.rpartition(':')[2]}: {failure}")

    def _dead_letter(self, queue_arn: str, delivery: Delivery, failure: AwsError, retries: int) -> None:
        sqs = self._cloud.client("sqs")
        url = sqs.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
        self._require(attributes.get("Policy"), "sqs:SendMessage", queue_arn, delivery)
        texts = {
            "RULE_ARN": delivery.rule_arn,
            "TARGET_ARN": delivery.target["Arn"],
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
        }
        if _may_pass(failure):
            texts |= {"EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts", "RETRY_ATTEMPTS": str(retries)}
        sqs.send_message(
            QueueUrl=url,
            MessageBody=json.dumps(delivery.event),
            MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
        )


def check_target(target: Mapping[str, Any]) -> None:
    """Raise AwsError ValidationException for a target that cannot be delivered to here, or could not be on AWS."""
    kind = _kind(target["Arn"])
    if kind not in ("codepipeline", "lambda"):
        raise AwsError(
            "ValidationException", f"no delivery to {target['Arn']}. Add it to rehearsal/pipeline/event_delivery.py."
        )
    if kind == "codepipeline" and "RoleArn" not in target:
        raise AwsError("ValidationException", f"RoleArn is required for target {target['Arn']}")


def _kind(arn: str) -> str:
    return arn.split(":")[2]


def _may_pass(failure: AwsError) -> bool:
    """EventBridge retries server errors and throttling; a missing permission or target goes straight on."""
    return failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR or failure.code in _THROTTLED
