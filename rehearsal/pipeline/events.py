"""EventBridge's default bus: whatever happens in the account goes to every provisioned rule that matches it.

moto stores the rules and judges their patterns; that deliveries happen at all is ours. Nobody keeps the time here: a
rule on a schedule is due when somebody says so.
"""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from moto.events.models import events_backends

from rehearsal.account.calls import AwsError, Caller
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.event_delivery import Courier, Delivery, Event, InvokeFunction, check_target

_BUS = "default"
_MOST_COPIES = 3
_SPREAD_SECONDS = 0.3
_PACKAGE_FIELDS = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "ModelApprovalStatus",
    "CreationTime",
    "LastModifiedTime",
    "InferenceSpecification",
    "ModelMetrics",
    "MetadataProperties",
    "CertifyForMarketplace",
)


class EventBus:
    """The account's default bus. `invoke_function` takes a function's ARN and an event, and returns at once."""

    def __init__(self, cloud: Cloud, invoke_function: InvokeFunction, *, seed: int = 0) -> None:
        self._cloud = cloud
        self._courier = Courier(cloud, invoke_function)
        # Repeats and their order are chance on AWS; here the same chance in every run.
        self._random = random.Random(seed)
        self._idle = threading.Condition()
        self._under_way = 0
        self._begun = 0
        cloud.operation("events", "PutEvents", self._put_events)
        cloud.on_package_change(self._package_changed)

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> str:
        """Send one event to every rule that matches it; return its id. Deliveries go on in their own threads."""
        event = self._event(source, detail_type, detail, resources)
        self._send(event)
        return str(event["id"])

    def emit_at_least_once(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> None:
        """Send an event as services do that promise no more: one to three times, a little late, out of order."""
        event = self._event(source, detail_type, detail, resources)
        with self._idle:
            pauses = delays(self._random)
        for pause in pauses:
            self._start(partial(self._send_later, pause, {**event, "id": str(uuid.uuid4())}))

    def fire(self, rule_name: str) -> None:
        """Let the time of a rule's schedule come. Raises AwsError when there is no such rule, or it has no schedule."""
        rule = next((each for each in self._rules() if each.name == rule_name), None)
        if rule is None or not rule.scheduled_expression:
            raise AwsError("ResourceNotFoundException", f"there is no enabled rule {rule_name} on a schedule")
        self._deliver(rule, self._event("aws.events", "Scheduled Event", {}, [rule.arn]))

    def drain(self, timeout_seconds: float) -> int:
        """Wait until nothing is under way; return how many deliveries have begun until then. Raises TimeoutError."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._under_way == 0, timeout_seconds):
                raise TimeoutError(f"event deliveries still under way after {timeout_seconds} s: {self._under_way}")
            return self._begun

    def _event(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> Event:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._cloud.account,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._cloud.region,
            "resources": list(resources),
            "detail": dict(detail),
        }

    # --- what raises events ------------------------------------------------------------------------------------------

    def _put_events(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        entries = [self._put_event(entry) for entry in params["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries}

    def _put_event(self, entry: Mapping[str, Any]) -> dict[str, str]:
        if entry.get("EventBusName", _BUS) != _BUS:
            raise NotImplementedError(f"PutEvents to bus {entry['EventBusName']}")
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        return {"EventId": self.emit(entry["Source"], entry["DetailType"], detail, entry.get("Resources", []))}

    def _package_changed(self, package_arn: str) -> None:
        """Send the registry's event, more than once and out of order, as SageMaker says it may.

        The content is that of the moment of the change, so that a late copy is out of date. It lacks the customer
        metadata, as the documented sample does. Source: SageMaker developer guide, "Events for model packages".
        """
        package = self._cloud.client("sagemaker").describe_model_package(ModelPackageName=package_arn)
        known = {name: package[name] for name in _PACKAGE_FIELDS if name in package}
        detail = json.loads(json.dumps(known, default=lambda moment: moment.isoformat()))
        self.emit_at_least_once("aws.sagemaker", "SageMaker Model Package State Change", detail, [package_arn])

    # --- delivery ----------------------------------------------------------------------------------------------------

    def _rules(self) -> list[Any]:
        bus: Any = events_backends[self._cloud.account][self._cloud.region].describe_event_bus(_BUS)
        return [rule for rule in list(bus.rules.values()) if rule.state == "ENABLED"]

    def _deliver(self, rule: Any, event: Event) -> None:
        for target in list(rule.targets):
            check_target(target)
            delivery = Delivery(rule_name=rule.name, rule_arn=rule.arn, target=target, event=event)
            self._start(partial(self._courier.deliver, delivery))

    def _send(self, event: Event) -> None:
        for rule in self._rules():
            # A rule without a pattern is on a schedule; moto would let it match everything.
            if rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event):
                self._deliver(rule, event)

    def _send_later(self, pause: float, event: Event) -> None:
        time.sleep(pause)
        self._send(event)

    def _start(self, work: Callable[[], None]) -> None:
        with self._idle:
            self._under_way += 1
            self._begun += 1
        threading.Thread(target=self._run, args=(work,), name="event", daemon=True).start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()


def delays(chance: random.Random) -> list[float]:
    """Return when, in seconds from now, the copies of one event go out: one to three of them."""
    return [chance.uniform(0, _SPREAD_SECONDS) for _ in range(chance.randint(1, _MOST_COPIES))]
