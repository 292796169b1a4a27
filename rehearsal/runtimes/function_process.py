"""One invocation of a Lambda function in a subprocess, with the rights of the function's role."""

import contextlib
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rehearsal.account.cloud import AwsError, Cloud
from rehearsal.account.log_stream import ForgivingLog, LogStream
from rehearsal.pipeline.artifacts import unpack
from rehearsal.runtimes import lambda_bootstrap
from rehearsal.runtimes.interpreter import isolated

LAMBDA = "lambda.amazonaws.com"
INIT_SECONDS = 10
"""What Lambda gives a function for its imports, beside its own timeout."""

# What Lambda's Python runtimes bring: boto3 and its own dependencies.
_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


@dataclass(frozen=True, kw_only=True)
class Function:
    """A deployed function, with its archive."""

    name: str
    arn: str
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


class FunctionProcess:
    """Runs functions. Safe to use from any thread."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._folder = cloud.work / "functions"
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    def close(self) -> None:
        """Kill what runs and start nothing more."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)

    def run(self, function: Function, event: Any) -> FunctionResult:
        """Invoke the function and wait. Raises AwsError when Lambda cannot assume the function's role."""
        credentials = self._cloud.assume(function.role_arn, LAMBDA, source_arn=function.arn, session=function.name)
        request_id, group = str(uuid.uuid4()), f"/aws/lambda/{function.name}"
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        environment = {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **function.variables,
            **self._cloud.environment(),
            **credentials.environment(),
            **_lambda_variables(function, group, stream),
        }
        result = self._execute(function, event, environment, request_id)
        logs = LogStream(self._cloud.client("logs", credentials), group=group, stream=stream)
        log = ForgivingLog(logs, lambda text: self._note(function, text))
        for line in (f"START RequestId: {request_id}", *result.log_lines, f"END RequestId: {request_id}"):
            log.add(line)
        log.write()
        return result

    def _execute(
        self, function: Function, event: Any, environment: Mapping[str, str], request_id: str
    ) -> FunctionResult:
        task, folder = self._unpacked(function.code), self._folder / "invocations" / request_id
        folder.mkdir(parents=True)
        result_file = folder / "result.json"
        # Without site-packages: the archive and the runtime's packages are all that can be imported.
        command = [*isolated(self._cloud.work, "-S"), lambda_bootstrap.__file__]
        arguments = [str(self._runtime()), str(result_file), function.arn, request_id]
        process = self._start(
            [*command, *arguments], {**environment, "LAMBDA_TASK_ROOT": str(task), "TMPDIR": str(folder)}, task
        )
        try:
            # The process watches the function's own limit; this is for one that no longer can.
            output, _ = process.communicate(json.dumps(event), timeout=function.timeout_seconds + INIT_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)
            output, _ = process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        lines = tuple(line for line in output.splitlines() if line.strip())
        for line in lines:
            self._note(function, line.strip())
        payload, error = _result(result_file, process.returncode, request_id)
        return FunctionResult(payload=payload, error=error, log_lines=lines, request_id=request_id)

    def _start(self, command: Sequence[str], environment: Mapping[str, str], task: Path) -> subprocess.Popen[str]:
        with self._lock:
            if self._closed:
                raise AwsError("ServiceException", "the account is closed", HTTPStatus.INTERNAL_SERVER_ERROR)
            process = subprocess.Popen(
                command,
                cwd=task,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _note(self, function: Function, text: str) -> None:
        self._cloud.progress.note(function.name, text)

    def _unpacked(self, code: bytes) -> Path:
        """Return the folder of this archive, which is unpacked once."""
        folder = self._folder / "code" / hashlib.sha256(code).hexdigest()
        with self._lock:
            if not folder.exists():
                unpack(code, folder)
        return folder

    def _runtime(self) -> Path:
        """Return a folder that shows the runtime's packages and nothing else of our site-packages."""
        folder = self._folder / "runtime"
        with self._lock:
            if not folder.exists():
                folder.mkdir(parents=True)
                for name in _RUNTIME_PACKAGES:
                    package = _location(name)
                    (folder / package.name).symlink_to(package)
        return folder


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _result(result_file: Path, exit_status: int, request_id: str) -> tuple[bytes, bool]:
    """Return what the process left, and whether that is an error."""
    if result_file.exists():
        return result_file.read_bytes(), exit_status != 0
    text = f"RequestId: {request_id} Error: Runtime exited with error: exit status {exit_status}"
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": text}).encode(), True


def _location(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin


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
