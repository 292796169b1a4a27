"""EventBridge's default bus: whatever happens in the account goes to every provisioned rule that matches it.

moto stores the rules and judges their patterns; that deliveries happen at all is ours.
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

from rehearsal.account.calls import Caller
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
        cloud.operation("events", "PutEvents", self._put_events)
        cloud.on_package_change(self._package_changed)

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> str:
        """Send one event to every rule that matches it; return its id. Deliveries go on in their own threads."""
        event: Event = {
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
        for delivery in self._deliveries(event):
            self._start(partial(self._courier.deliver, delivery))
        return str(event["id"])

    def drain(self, timeout_seconds: float) -> None:
        """Wait until nothing is under way. Raises TimeoutError."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._under_way == 0, timeout_seconds):
                raise TimeoutError(f"event deliveries still under way after {timeout_seconds} s: {self._under_way}")

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
        with self._idle:
            pauses = delays(self._random)
        for pause in pauses:
            self._start(partial(self._emit_later, pause, detail, package_arn))

    def _emit_later(self, pause: float, detail: Mapping[str, Any], package_arn: str) -> None:
        time.sleep(pause)
        self.emit("aws.sagemaker", "SageMaker Model Package State Change", detail, [package_arn])

    # --- delivery ----------------------------------------------------------------------------------------------------

    def _deliveries(self, event: Event) -> list[Delivery]:
        bus: Any = events_backends[self._cloud.account][self._cloud.region].describe_event_bus(_BUS)
        enabled = [rule for rule in list(bus.rules.values()) if rule.state == "ENABLED"]
        found = []
        for rule in (rule for rule in enabled if rule.event_pattern.matches_event(event)):
            for target in list(rule.targets):
                check_target(target)
                found.append(Delivery(rule_name=rule.name, rule_arn=rule.arn, target=target, event=event))
        return found

    def _start(self, work: Callable[[], None]) -> None:
        with self._idle:
            self._under_way += 1
        threading.Thread(target=self._run, args=(work,), name="event", daemon=True).start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()


def delays(chance: random.Random) -> list[float]:
    """Return when, in seconds from now, the copies of one registry event go out: one to three of them."""
    return [chance.uniform(0, _SPREAD_SECONDS) for _ in range(chance.randint(1, _MOST_COPIES))]
