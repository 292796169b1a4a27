"""Follow what a training job prints, while it runs."""

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from ml import contract
from ml.gate import one_line

LONGEST_LINE = 300
NOT_YET = "ResourceNotFoundException"
"""The group or the stream does not exist until the job has printed something."""


class JobLog:
    """The lines of one job. Without the right or the means to read them the job goes on, and `say` is told once."""

    def __init__(self, logs: Any, job: str, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._job = job
        self._say = say
        self._next: dict[str, str] = {}
        self._readable = True

    def follow(self) -> None:
        """Say the lines that have come since the last time."""
        if not self._readable:
            return
        try:
            for line in self._lines():
                self._say(f"{self._job}: {one_line(line, LONGEST_LINE)}")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code != NOT_YET:
                self._readable = False
                self._say(f"{self._job}: its log cannot be read: {code}. It is in {contract.TRAINING_LOG_GROUP}")

    def _lines(self) -> Iterator[str]:
        """Yield new lines; each machine of a job has a stream, named <job>/algo-<number>-<time>."""
        found = self._logs.describe_log_streams(
            logGroupName=contract.TRAINING_LOG_GROUP, logStreamNamePrefix=f"{self._job}/"
        )
        for stream in found["logStreams"]:
            yield from self._lines_of(stream["logStreamName"])

    def _lines_of(self, stream: str) -> Iterator[str]:
        while True:
            token = self._next.get(stream)
            page = self._logs.get_log_events(
                logGroupName=contract.TRAINING_LOG_GROUP,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            # The same token again means that there is nothing beyond it (CloudWatch Logs API, GetLogEvents).
            self._next[stream] = page["nextForwardToken"]
            yield from (event["message"] for event in page["events"])
            if page["nextForwardToken"] == token or not page["events"]:
                return
