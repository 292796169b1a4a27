"""A CloudWatch log stream that a service writes with the rights of the role that it runs as."""

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.account.client_errors import as_aws_error

# Keeps a batch below PutLogEvents' limits: 10,000 events, 1 MiB with 26 bytes for each event (CloudWatch Logs API).
_EVENTS_PER_CALL = 1000
_CHARACTERS_PER_EVENT = 1000


class LogStream:
    """Collects lines from any thread; `open` and `flush` make the calls and raise what boto3 raises."""

    def __init__(self, logs: Any, *, group: str, stream: str) -> None:
        """`logs` is a client with the credentials of the role."""
        self._logs = logs
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._lock = threading.Lock()
        self._lines: list[tuple[int, str]] = []
        self._written = 0

    def open(self) -> None:
        """Create the stream. The group must exist: it belongs to the program."""
        self._logs.create_log_stream(**self._names)

    def add(self, line: str) -> None:
        """Keep one line for the next flush."""
        with self._lock:
            self._lines.append((int(time.time() * 1000), line))

    def lines(self) -> tuple[str, ...]:
        """Return everything added until now."""
        with self._lock:
            return tuple(line for _, line in self._lines)

    def flush(self) -> None:
        """Write the lines that are not written yet."""
        with self._lock:
            fresh = self._lines[self._written :]
            self._written = len(self._lines)
        # An event without text is refused.
        events = [
            {"timestamp": stamp, "message": line[:_CHARACTERS_PER_EVENT]} for stamp, line in fresh if line.strip()
        ]
        for start in range(0, len(events), _EVENTS_PER_CALL):
            self._logs.put_log_events(**self._names, logEvents=events[start : start + _EVENTS_PER_CALL])


class ForgivingLog:
    """A log whose lines are lost without the right to write them while the work goes on, as in Lambda and SageMaker."""

    def __init__(self, stream: LogStream, lost: Callable[[str], None]) -> None:
        """`lost` is told why lines were lost."""
        self._stream = stream
        self._lost = lost
        self._lock = threading.Lock()
        self._open = False

    def add(self, line: str) -> None:
        """Keep one line for the next write."""
        self._stream.add(line)

    def write(self) -> None:
        """Write what was added since the last time, and create the stream before the first time."""
        with self._lock:
            try:
                if not self._open:
                    self._stream.open()
                    self._open = True
                self._stream.flush()
            except ClientError as error:
                self._lost(f"log lines lost: {as_aws_error(error).message}")
