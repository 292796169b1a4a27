"""One SageMaker endpoint: its states, and the container that serves.

It is Creating until a container is healthy. An update starts the new container beside the old one, switches, and lets
the old one finish what it was asked; a new container that does not come up leaves the old one serving.
"""

import threading
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from rehearsal.account.cloud import AwsError, Cloud
from rehearsal.runtimes.hosting import Launch, Launcher, LaunchError, resolve
from rehearsal.runtimes.model_server import ModelServer, Standby

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

    def __init__(self, cloud: Cloud, standby: Standby, *, name: str, arn: str, config_name: str) -> None:
        self.name = name
        self.arn = arn
        self._cloud = cloud
        self._lock = threading.RLock()
        self._launcher = Launcher(cloud, standby, endpoint=name, arn=arn, on_end=self._container_ended)
        self._created = datetime.now(UTC)
        self._config_name = config_name
        self._reason = ""
        self._current: Launch | None = None
        self._starting: ModelServer | None = None
        self._enter(CREATING)

    # --- changing ----------------------------------------------------------------------------------------------------

    def begin_update(self) -> None:
        """Enter Updating. Raises AwsError unless the endpoint is in service."""
        with self._lock:
            if self.status != IN_SERVICE:
                text = f'Cannot update endpoint "{self.arn}" while its status is {self.status}.'
                raise AwsError("ValidationException", text)
            self._enter(UPDATING)

    def deploy(self, config_name: str) -> None:
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
        retired: Launch | None = launch
        with self._lock:
            self._starting = None
            if self.status != DELETING:
                retired, self._current = self._current, launch
                self._config_name, self._reason = config_name, ""
                self._enter(IN_SERVICE)
        if retired:
            retired.retire()
        if (exit_status := launch.server.exit_status) is not None:
            self._container_ended(launch.server, exit_status)

    def _fall_back(self, reason: str) -> None:
        with self._lock:
            self._starting = None
            if self.status == DELETING:
                return
            self._reason = reason
            if self._current is None or self._current.server.exit_status is not None:
                self._enter(FAILED)
                return
            self._enter(ROLLING_BACK)
            self._enter(IN_SERVICE)

    def delete(self) -> None:
        """End the container after the invocations that it has begun."""
        with self._lock:
            self._enter(DELETING)
            current, self._current = self._current, None
        if current:
            current.retire()

    def kill(self) -> None:
        """End every container of this endpoint now."""
        with self._lock:
            self.status = DELETING
            servers = [self._starting, self._current and self._current.server]
        for server in servers:
            if server:
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
            # Announced under the lock that guards the switch: a container is never retired between the two.
            self._current.server.begin()
            return self._current

    def describe(self) -> dict[str, Any]:
        """Return the endpoint in the shape of DescribeEndpoint."""
        with self._lock:
            described = {**self.summary(), "EndpointConfigName": self._config_name}
            if self._reason:
                described["FailureReason"] = self._reason[:_REASON_CHARACTERS]
            if self._current:
                described["ProductionVariants"] = [_variant(self._current)]
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


def _variant(launch: Launch) -> dict[str, Any]:
    served = launch.served
    return {
        "VariantName": served.variant_name,
        "DeployedImages": [{"SpecifiedImage": served.image}],
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": served.instance_count,
        "DesiredInstanceCount": served.instance_count,
    }
