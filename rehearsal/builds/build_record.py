"""What BatchGetBuilds tells of one build: its phases as they begin and end, and how it came out."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

IN_PROGRESS = "IN_PROGRESS"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMED_OUT = "TIMED_OUT"
STOPPED = "STOPPED"


class PhaseError(Exception):
    """A phase failed: CodeBuild's status code, and the message that the pipeline shows."""

    def __init__(self, code: str, message: str, status: str = FAILED) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, kw_only=True)
class BuildIdentity:
    """What is known of a build when it is submitted."""

    build_id: str
    number: int
    project: Mapping[str, Any]
    arn: str
    log_group: str
    initiator: str
    source_version: str
    resolved_source_version: str

    @property
    def project_name(self) -> str:
        """Return the name of the build's project."""
        return str(self.project["name"])

    @property
    def log_stream(self) -> str:
        """Return the log stream, which CodeBuild names as the last part of the build's id."""
        return self.build_id.partition(":")[2]


class BuildRecord:
    """A build as the API describes it. Safe to use from any thread."""

    def __init__(self, identity: BuildIdentity) -> None:
        self.identity = identity
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._phases: list[dict[str, Any]] = []
        self._status = IN_PROGRESS
        self._current = "SUBMITTED"
        self._started = datetime.now(UTC)
        self._ended: datetime | None = None
        self._exported: dict[str, str] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Record a phase around what is done in it; a PhaseError is written into the phase and raised again."""
        entry: dict[str, Any] = {"phaseType": name, "startTime": datetime.now(UTC)}
        with self._lock:
            self._current = name
            self._phases.append(entry)
        try:
            yield
        except PhaseError as error:
            self._end(entry, error.status, [{"statusCode": error.code, "message": error.message}])
            raise
        self._end(entry, SUCCEEDED, [])

    def _end(self, entry: dict[str, Any], status: str, contexts: list[dict[str, str]]) -> None:
        ended = datetime.now(UTC)
        seconds = int((ended - entry["startTime"]).total_seconds())
        with self._lock:
            entry.update(phaseStatus=status, endTime=ended, durationInSeconds=seconds, contexts=contexts)

    def export(self, variables: Mapping[str, str]) -> None:
        """Keep the variables that the pipeline may use."""
        with self._lock:
            self._exported = dict(variables)

    def finish(self, status: str) -> None:
        """Say how the build came out. Nothing changes afterwards."""
        with self._lock:
            self._status = status
            self._ended = datetime.now(UTC)
            self._current = "COMPLETED"
            self._phases.append({"phaseType": "COMPLETED", "startTime": self._ended})
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Return when the build is over, and after `seconds` in any case: whether it is."""
        return self._over.wait(seconds)

    def describe(self) -> dict[str, Any]:
        """Return the build in the shape of CodeBuild's API."""
        known, project = self.identity, self.identity.project
        with self._lock:
            ended = {"endTime": self._ended} if self._ended else {}
            return {
                "id": known.build_id,
                "arn": known.arn,
                "buildNumber": known.number,
                "projectName": known.project_name,
                "startTime": self._started,
                **ended,
                "currentPhase": self._current,
                "buildStatus": self._status,
                "buildComplete": self._status != IN_PROGRESS,
                "phases": [dict(phase) for phase in self._phases],
                "sourceVersion": known.source_version,
                "resolvedSourceVersion": known.resolved_source_version,
                "source": project["source"],
                "environment": project["environment"],
                "serviceRole": project["serviceRole"],
                "timeoutInMinutes": project["timeoutInMinutes"],
                "logs": {"groupName": known.log_group, "streamName": known.log_stream},
                "initiator": known.initiator,
                "exportedEnvironmentVariables": [
                    {"name": name, "value": value} for name, value in self._exported.items()
                ],
            }
