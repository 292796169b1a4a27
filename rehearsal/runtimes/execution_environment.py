"""One execution environment of a Lambda function: a process with the rights of the function's role that stays warm.

It imports the function's module once and answers one event after the other, so that a module's state, its clients and
its connections are there in the next invocation, as on AWS.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.account.cloud import Cloud
from rehearsal.account.log_stream import ForgivingLog, LogStream
from rehearsal.runtimes import lambda_bootstrap
from rehearsal.runtimes.function_files import FunctionFiles
from rehearsal.runtimes.interpreter import isolated

LAMBDA = "lambda.amazonaws.com"
INIT_SECONDS = 10
"""What Lambda gives a function for its imports, beside its own timeout."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A deployed function, with its archive. Two that are equal may share environments."""

    name: str
    arn: str
    created: str
    role_arn: str
    handler: str
    runtime: str
    memory_mb: int
    timeout_seconds: int
    variables: Mapping[str, str]
    code: bytes


@dataclass(frozen=True, kw_only=True)
class FunctionResult:
    """What an invocation gave: JSON, which describes the error if it is one, and what the function printed."""

    payload: bytes
    error: bool
    log_lines: tuple[str, ...]
    request_id: str


class ExecutionEnvironment:
    """One process. `invoke` and `end` are for one thread at a time, `kill` for any."""

    def __init__(self, cloud: Cloud, function: Function, files: FunctionFiles) -> None:
        """Prepare what `start` needs. Raises AwsError when Lambda cannot assume the function's role."""
        self.function = function
        self._progress = cloud.progress
        credentials = cloud.assume(function.role_arn, LAMBDA, source_arn=function.arn, session=function.name)
        name, group = uuid.uuid4().hex, f"/aws/lambda/{function.name}"
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{name}"
        logs = LogStream(cloud.client("logs", credentials), group=group, stream=stream)
        self._log = ForgivingLog(logs, self._note)
        self._task = files.unpacked(function.code)
        self._folder = files.folder / "environments" / name
        scratch = self._folder / "tmp"
        scratch.mkdir(parents=True)
        self._variables = {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **function.variables,
            **cloud.environment(),
            **credentials.environment(),
            **_lambda_variables(function, group, stream),
            "LAMBDA_TASK_ROOT": str(self._task),
            "TMPDIR": str(scratch),
        }
        # Without site-packages: the archive and the runtime's packages are all that can be imported.
        interpreter = isolated(cloud.work, "-S")
        self._command = [*interpreter, lambda_bootstrap.__file__, str(files.runtime()), function.arn]
        self._stays = self._gave_up = False

    def start(self) -> None:
        """Start the process, which looks for its handler and waits for its first event."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self._task,
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._stays = True

    @property
    def usable(self) -> bool:
        """Whether the process can take an event, after those that it has answered."""
        return self._stays and self._process.poll() is None

    def invoke(self, event: Any) -> FunctionResult:
        """Hand the event over and wait. However the function fails, that is a result."""
        self._stays, request_id = False, str(uuid.uuid4())
        answer_file = self._folder / f"{request_id}.json"
        self._log.add(f"START RequestId: {request_id}")
        with self._limited():
            lines = tuple(self._printed(event, request_id, answer_file))
            answer = _read(answer_file) or self._died(request_id)
        self._log.add(f"END RequestId: {request_id}")
        self._log.write()
        self._stays = answer["stays"] and not self._gave_up
        return FunctionResult(
            payload=answer["payload"].encode(), error=answer["error"], log_lines=lines, request_id=request_id
        )

    def kill(self) -> None:
        """End the process, and what it has started, without waiting for it."""
        # macOS has no permission for a group that has ended. What a dead process has started may still hold its output.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the process and let go of it."""
        self.kill()
        # An event that the process never took is still in the pipe's buffer.
        with contextlib.suppress(BrokenPipeError), self._process:
            pass

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        """Kill a process that no longer watches the function's own limit; usually it does that itself."""
        limit = threading.Timer(self.function.timeout_seconds + INIT_SECONDS, self._give_up)
        limit.daemon = True
        limit.start()
        try:
            yield
        finally:
            limit.cancel()
            limit.join()

    def _give_up(self) -> None:
        self._gave_up = True
        self.kill()

    def _printed(self, event: Any, request_id: str, answer_file: Path) -> Iterator[str]:
        """Yield what is printed until the process has answered or ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # The handler knows its request id, so what ends an invocation has a word beside it that no handler knows.
        end = f"END {request_id} {uuid.uuid4().hex}"
        task = {"event": event, "requestId": request_id, "answerFile": str(answer_file), "end": end}
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
        for text in self._process.stdout:
            if text == f"{end}\n":
                return
            for line in filter(str.strip, text.splitlines()):
                self._log.add(line)
                self._note(line.strip())
                yield line

    def _died(self, request_id: str) -> dict[str, Any]:
        """Return the answer for a process that left none."""
        text = f"RequestId: {request_id} Error: Runtime exited with error: exit status {self._process.wait()}"
        payload = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": text})
        return {"payload": payload, "error": True, "stays": False}

    def _note(self, text: str) -> None:
        self._progress.note(self.function.name, text)


def _read(answer_file: Path) -> dict[str, Any] | None:
    """Return what the process has answered and forget the file, or None when there is none."""
    if not answer_file.exists():
        return None
    answer: dict[str, Any] = json.loads(answer_file.read_text("utf-8"))
    answer_file.unlink()
    return answer


def _lambda_variables(function: Function, group: str, stream: str) -> dict[str, str]:
    """Source: AWS Lambda developer guide, "Defined runtime environment variables"."""
    return {
        "_HANDLER": function.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_seconds),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
    }
