"""One SageMaker endpoint: its states, and the containers that serve.

It is Creating until a container is healthy. An update starts the new container beside the old one, moves the traffic
in the steps of its deployment and watches the alarms after each; then the old one finishes what it was asked. A new
container that does not come up, dies while it is watched, or makes an alarm ring leaves the old one serving.

One container stands for a whole fleet: how many instances there are is counted, not played.
"""

import threading
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from rehearsal.account.clock import Clock
from rehearsal.account.cloud import AwsError, Cloud
from rehearsal.runtimes.hosting import Launch, Launcher, LaunchError, resolve
from rehearsal.runtimes.model_server import ModelServer, Standby
from rehearsal.runtimes.rollback_alarms import RollbackAlarms
from rehearsal.runtimes.traffic import AT_ONCE, Deployment

IN_SERVICE = "InService"
CREATING = "Creating"
UPDATING = "Updating"
ROLLING_BACK = "RollingBack"
DELETING = "Deleting"
FAILED = "Failed"
_SERVING = (IN_SERVICE, UPDATING, ROLLING_BACK)

_REASON_CHARACTERS = 1024


class Endpoint:
    """Safe to use from any thread; `deploy` and `delete` take their time and belong in threads of their own."""

    def __init__(self, cloud: Cloud, standby: Standby, clock: Clock, *, name: str, arn: str, config_name: str) -> None:
        self.name = name
        self.arn = arn
        self._cloud = cloud
        self._alarms = RollbackAlarms(cloud, clock)
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._launcher = Launcher(cloud, standby, endpoint=name, arn=arn, on_end=self._container_ended)
        self._created = datetime.now(UTC)
        self._config_name = config_name
        self._pending = config_name
        self._instances = 0
        self._reason = ""
        self._current: Launch | None = None
        self._incoming: Launch | None = None
        self._share = self._turn = 0.0
        self._starting: ModelServer | None = None
        self._enter(CREATING)

    @property
    def config_name(self) -> str:
        """The configuration in service, or the first one while it is coming up."""
        return self._config_name

    @property
    def configs(self) -> set[str]:
        """The configurations that the endpoint serves, comes from or goes to."""
        with self._lock:
            return {self._config_name, self._pending} if self.status == UPDATING else {self._config_name}

    @property
    def instances(self) -> int:
        """How many instances the endpoint is to have; 0 when serverless."""
        return self._instances

    # --- changing ----------------------------------------------------------------------------------------------------

    def begin_update(self, config_name: str) -> None:
        """Enter Updating. Raises AwsError unless the endpoint is in service."""
        with self._lock:
            if self.status != IN_SERVICE:
                text = f'Cannot update endpoint "{self.arn}" while its status is {self.status}.'
                raise AwsError("ValidationException", text)
            self._pending, self._reason = config_name, ""
            self._enter(UPDATING)

    def bound(self, least: int, most: int) -> None:
        """Bring the number of instances into this range, as auto scaling does with a new target."""
        with self._lock:
            if self.status != IN_SERVICE:
                raise AwsError("ValidationException", f"Endpoint {self.name} is {self.status}, not in service.")
            if not self._instances:
                raise AwsError("ValidationException", f"Endpoint {self.name} is serverless and has no instances.")
            self._instances = min(max(self._instances, least), most)

    def deploy(self, config_name: str, instances: int, steps: Deployment = AT_ONCE) -> None:
        """Bring up this configuration and let it serve; when that fails, fall back to what served before."""
        try:
            launch = self._launcher.launch(resolve(self._cloud, config_name), self._remember)
        except LaunchError as error:
            self._fall_back(str(error))
            return
        except Exception as fault:
            # Ours, not the model's: nobody may wait for an endpoint that is never going to settle.
            self._fall_back(f"the rehearsal itself failed: {type(fault).__name__}: {fault}")
            raise
        if not self._take_in(launch):
            return
        if reason := self._shift(launch, steps):
            self._fall_back(reason)
            launch.retire()
            return
        self._switch(launch, config_name, instances)

    def _take_in(self, launch: Launch) -> bool:
        with self._lock:
            self._starting = None
            unwanted = self.status == DELETING
            if not unwanted:
                self._incoming = launch
        if unwanted:
            launch.retire()
        return not unwanted

    def _shift(self, launch: Launch, steps: Deployment) -> str:
        """Move the traffic step by step. Return why it must go back; empty when it need not."""
        try:
            self._alarms.check_sight(launch.served.role_arn, steps.alarms)
        except AwsError as error:
            return f"Could not see the alarms of the auto-rollback: {error.message}"
        for shift in steps.shifts:
            with self._lock:
                self._share = shift.share
            if len(steps.shifts) > 1:
                self._cloud.progress.note(self.name, f"{shift.share:.0%} of the traffic goes to the new instances")
            if reason := self._alarms.watch(launch.server, shift.watch_seconds, steps.alarms, self._stopped):
                return reason
        return ""

    def _switch(self, launch: Launch, config_name: str, instances: int) -> None:
        retired: Launch | None = launch
        with self._lock:
            self._incoming = None
            if self.status != DELETING:
                retired, self._current = self._current, launch
                self._config_name, self._instances, self._reason = config_name, instances, ""
                self._enter(IN_SERVICE)
        if retired:
            retired.retire()
        if (exit_status := launch.server.exit_status) is not None:
            self._container_ended(launch.server, exit_status)

    def _fall_back(self, reason: str) -> None:
        with self._lock:
            self._starting = self._incoming = None
            if self.status == DELETING:
                return
            self._reason = reason
            if self._current is None or self._current.server.exit_status is not None:
                self._enter(FAILED)
                return
            self._enter(ROLLING_BACK)
            self._enter(IN_SERVICE)

    def delete(self) -> None:
        """End the containers after the invocations that they have begun."""
        with self._lock:
            self._enter(DELETING)
            self._stopped.set()
            current, self._current = self._current, None
        if current:
            current.retire()

    def kill(self) -> None:
        """End every container of this endpoint now."""
        with self._lock:
            self.status = DELETING
            self._stopped.set()
            launches = [launch.server for launch in (self._current, self._incoming) if launch]
            servers = [*launches, *([self._starting] if self._starting else [])]
        for server in servers:
            server.end()

    def _remember(self, server: ModelServer) -> None:
        with self._lock:
            self._starting = server
            unwanted = self.status == DELETING
        if unwanted:
            server.end()

    def _container_ended(self, server: ModelServer, exit_status: int) -> None:
        with self._lock:
            if self._current and self._current.server is server and self.status in _SERVING:
                self._reason = f"The container ended with exit status {exit_status}."
                self._enter(FAILED)

    def _enter(self, status: str) -> None:
        self.status = status
        self._modified = datetime.now(UTC)
        self._cloud.progress.note(self.name, f"{status}: {self._reason}" if self._reason else status)

    # --- using -------------------------------------------------------------------------------------------------------

    def choose(self) -> Launch:
        """Return the container that serves, with one invocation announced to it. Raises AwsError when none serves."""
        with self._lock:
            if self.status == FAILED and self._current:
                raise AwsError("ServiceUnavailable", self._reason, HTTPStatus.SERVICE_UNAVAILABLE)
            if self.status not in _SERVING or not self._current:
                raise AwsError("ValidationError", f"Endpoint {self.name} of account {self._cloud.account} not found.")
            chosen = self._incoming if self._incoming and self._is_incomings_turn() else self._current
            # Announced under the lock that guards the switch: a container is never retired between the two.
            chosen.server.begin()
            return chosen

    def _is_incomings_turn(self) -> bool:
        """Every so many requests, exactly: no chance decides what a rehearsal shows."""
        self._turn += self._share
        if self._turn < 1 - 1e-9:
            return False
        self._turn -= 1
        return True

    def describe(self) -> dict[str, Any]:
        """Return the endpoint in the shape of DescribeEndpoint."""
        with self._lock:
            described = {**self.summary(), "EndpointConfigName": self._config_name}
            if self._reason:
                described["FailureReason"] = self._reason[:_REASON_CHARACTERS]
            if self._current:
                described["ProductionVariants"] = [self._current.served.describe(self._instances)]
            if self.status == UPDATING:
                described["PendingDeploymentSummary"] = {"EndpointConfigName": self._pending}
            return described

    def summary(self) -> dict[str, Any]:
        """Return the endpoint in the shape of ListEndpoints."""
        with self._lock:
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointStatus": self.status,
                "CreationTime": self._created,
                "LastModifiedTime": self._modified,
            }
