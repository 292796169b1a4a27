"""The alarms that take an update back, seen with the rights of the model's execution role.

Source: SageMaker developer guide, "Auto-rollback configuration and monitoring": the execution role needs
cloudwatch:DescribeAlarms on them.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from rehearsal.account.clock import Clock
from rehearsal.account.cloud import AwsError, Cloud
from rehearsal.runtimes.model_server import ModelServer

RINGING = "ALARM"
_LOOK_SECONDS = 0.02
"""Between two looks; SageMaker's own interval is not documented."""


class RollbackAlarms:
    """Looks at alarms. A look costs no API call: SageMaker's own are not the account's."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock

    def require(self, names: Sequence[str]) -> None:
        """Raise AwsError unless every alarm exists. Not verified against AWS: it may find out later, or never."""
        known = self._known()
        if absent := sorted(set(names) - set(known)):
            raise AwsError("ValidationException", f"AutoRollbackConfiguration: no alarm {', '.join(absent)}.")

    def check_sight(self, role_arn: str, names: Sequence[str]) -> None:
        """Raise AwsError unless the role may see every alarm."""
        for name in names:
            arn = f"arn:aws:cloudwatch:{self._cloud.region}:{self._cloud.account}:alarm:{name}"
            self._cloud.check(role_arn, "cloudwatch:DescribeAlarms", arn, via="auto-rollback")

    def watch(self, server: ModelServer, seconds: int, names: Sequence[str], stopped: threading.Event) -> str:
        """Watch a new container for so many seconds of the account. Return why it must go; empty when it may stay."""
        ends = time.monotonic() + self._clock.real_seconds(seconds)
        while (left := ends - time.monotonic()) > 0:
            if ringing := self.ringing(names):
                return f"The alarm {', '.join(ringing)} rang while the new instances were watched."
            if server.exit_status is not None:
                return f"The container ended with exit status {server.exit_status}."
            if stopped.wait(min(left, _LOOK_SECONDS)):
                return "The endpoint is deleted."
        return ""

    def ringing(self, names: Sequence[str]) -> list[str]:
        """Return the alarms that are in ALARM now, or gone: an alarm that cannot be seen vouches for nothing."""
        known = self._known()
        return [name for name in names if name not in known or known[name].state_value == RINGING]

    def _known(self) -> dict[str, Any]:
        alarms: dict[str, Any] = cloudwatch_backends[self._cloud.account][self._cloud.region].alarms
        return dict(alarms)
