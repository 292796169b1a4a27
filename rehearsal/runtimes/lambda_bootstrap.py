"""One Lambda invocation as a process of its own: `<runtime folder> <result file> <function ARN> <request id>`.

Reads the event from standard input, calls the handler that the environment names and writes its JSON result, or the
error as Lambda's Python runtime describes it, to the result file. The exit status is 1 after an error. It stands alone,
and sees the function's archive, the runtime folder (boto3 and what it needs) and the standard library.
"""

import importlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn


@dataclass(frozen=True, kw_only=True)
class Context:
    """What Lambda passes to a handler beside the event (AWS Lambda developer guide, "Python context object")."""

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline: float
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the handler may still run."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class HandlerError(Exception):
    """The handler cannot be found; `kind` is the runtime's name for the reason."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def find_handler(name: str) -> Callable[[Any, Context], Any]:
    """Return the function "package/module.function" names. Raises HandlerError, or what importing the module raises."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise HandlerError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    handler = getattr(module, function_name, None)
    if handler is None:
        raise HandlerError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    found: Callable[[Any, Context], Any] = handler
    return found


def describe(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return an error in the shape of Lambda's Python runtime."""
    kind = error.kind if isinstance(error, HandlerError) else type(error).__name__
    trace = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


class Invocation:
    """The one call that this process is for."""

    def __init__(self, result_file: Path, function_arn: str, request_id: str) -> None:
        self._result_file = result_file
        self._function_arn = function_arn
        self._request_id = request_id

    def run(self, event: Any) -> int:
        """Call the handler; return the exit status."""
        try:
            content, status = self._call(event), 0
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a handler may raise anything, and all of it is its answer
            described = describe(error, self._request_id)
            sys.stdout.write(f"[ERROR] {described['errorType']}: {described['errorMessage']}\n")
            sys.stdout.write("".join(described["stackTrace"]))
            content, status = json.dumps(described), 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._result_file.write_text(content, encoding="utf-8")
        return status

    def _call(self, event: Any) -> str:
        handler = find_handler(os.environ["_HANDLER"])
        result = handler(event, self._context(self._limit()))
        try:
            return json.dumps(result)
        except TypeError as error:
            raise HandlerError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error

    def _limit(self) -> float:
        """Start the clock, which importing the module did not touch: Lambda gives that 10 seconds of its own."""
        seconds = float(os.environ["AWS_LAMBDA_FUNCTION_TIMEOUT"])

        def time_out(_number: int, _frame: Any) -> NoReturn:
            """End the process as Lambda ends an invocation."""
            text = f"RequestId: {self._request_id} Error: Task timed out after {seconds:.2f} seconds"
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            content = json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": text})
            self._result_file.write_text(content, encoding="utf-8")
            os._exit(1)

        signal.signal(signal.SIGALRM, time_out)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return time.monotonic() + seconds

    def _context(self, deadline: float) -> Context:
        known = os.environ
        return Context(
            function_name=known["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=known["AWS_LAMBDA_FUNCTION_VERSION"],
            invoked_function_arn=self._function_arn,
            memory_limit_in_mb=known["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            aws_request_id=self._request_id,
            log_group_name=known["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=known["AWS_LAMBDA_LOG_STREAM_NAME"],
            deadline=deadline,
        )


def main(arguments: list[str]) -> int:
    """Run the invocation; return the exit status."""
    runtime_folder, result_file, function_arn, request_id = arguments
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], runtime_folder]
    logging.basicConfig(stream=sys.stdout, format=f"[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t{request_id}\t%(message)s")
    return Invocation(Path(result_file), function_arn, request_id).run(json.load(sys.stdin))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
