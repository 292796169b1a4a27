"""A Lambda execution environment as a process of its own: `<runtime folder> <function ARN>`.

The handler that the environment names is found at once, and called with every event. Each line of standard input is one
event, with its request id, the file for the answer and the line that ends its output. The answer is its JSON result, or
the error as Lambda's Python runtime describes it, and whether the environment stays as it is on AWS after that. The
process ends when its standard input is closed. It stands alone, and sees the function's archive, the runtime folder
(boto3 and what it needs) and the standard library.
"""

import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO


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


class RequestId(logging.Filter):
    """Gives every log record the id of the invocation that is under way."""

    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.aws_request_id = self.current
        return True


class Runtime:
    """What lives as long as the process: the handler, and what its invocations have in common."""

    def __init__(self, function_arn: str, request_id: RequestId) -> None:
        self.function_arn = function_arn
        self.request_id = request_id
        self._handler: Callable[[Any, Context], Any] | None = None

    @property
    def ready(self) -> bool:
        """Whether the handler was found."""
        return self._handler is not None

    def handler(self) -> Callable[[Any, Context], Any]:
        """Return the handler, which is looked for once. Raises what `find_handler` raises."""
        if self._handler is None:
            self._handler = find_handler(os.environ["_HANDLER"])
        return self._handler

    def prepare(self) -> None:
        """Look for the handler before there is an event. Where that fails, the first event tries again, and tells."""
        with contextlib.suppress(Exception, SystemExit):
            self.handler()

    def work_off(self, tasks: Iterable[str], output: int) -> None:
        """Answer one event after the other. `output` is the descriptor for the lines that end their output."""
        for line in tasks:
            task = json.loads(line)
            self.request_id.current = task["requestId"]
            Invocation(self, Path(task["answerFile"]), task["requestId"]).run(task["event"])
            sys.stdout.flush()
            # On a line of its own, whatever was printed last; by itself, whatever a handler did to sys.stdout.
            os.write(output, f"\n{task['end']}\n".encode())


class Invocation:
    """One call of the handler."""

    def __init__(self, runtime: Runtime, answer_file: Path, request_id: str) -> None:
        self._runtime = runtime
        self._answer_file = answer_file
        self._request_id = request_id

    def run(self, event: Any) -> None:
        """Call the handler and leave its answer."""
        stays, error = True, False
        try:
            content = self._call(event)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - a handler may raise anything, and all of it is its answer
            described = describe(raised, self._request_id)
            sys.stdout.write(f"[ERROR] {described['errorType']}: {described['errorMessage']}\n")
            sys.stdout.write("".join(described["stackTrace"]))
            content, error = json.dumps(described), True
            stays = self._runtime.ready and not isinstance(raised, SystemExit)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._answer(content, error=error, stays=stays)

    def _call(self, event: Any) -> str:
        handler = self._runtime.handler()
        result = handler(event, self._context(self._limit()))
        try:
            return json.dumps(result)
        except TypeError as error:
            raise HandlerError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error

    def _answer(self, content: str, *, error: bool, stays: bool) -> None:
        # Under its name at once or not at all: the process may be killed while it writes.
        unfinished = self._answer_file.with_suffix(".part")
        unfinished.write_text(json.dumps({"payload": content, "error": error, "stays": stays}), encoding="utf-8")
        unfinished.replace(self._answer_file)

    def _limit(self) -> float:
        """Start the clock, which importing the module did not touch: Lambda gives that 10 seconds of its own."""
        seconds = float(os.environ["AWS_LAMBDA_FUNCTION_TIMEOUT"])

        def time_out(_number: int, _frame: Any) -> NoReturn:
            """End the process as Lambda ends an invocation."""
            text = f"RequestId: {self._request_id} Error: Task timed out after {seconds:.2f} seconds"
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            content = json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": text})
            self._answer(content, error=True, stays=False)
            os._exit(1)

        signal.signal(signal.SIGALRM, time_out)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return time.monotonic() + seconds

    def _context(self, deadline: float) -> Context:
        known = os.environ
        return Context(
            function_name=known["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=known["AWS_LAMBDA_FUNCTION_VERSION"],
            invoked_function_arn=self._runtime.function_arn,
            memory_limit_in_mb=known["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            aws_request_id=self._request_id,
            log_group_name=known["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=known["AWS_LAMBDA_LOG_STREAM_NAME"],
            deadline=deadline,
        )


def take_input() -> TextIO:
    """Return standard input for us alone, and leave an empty one to the function, which could take events from it."""
    own = os.fdopen(os.dup(0), encoding="utf-8")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return own


def log_to_output() -> RequestId:
    """Let the function's log go to standard output, as Lambda's runtime does; return what names the invocation."""
    request_id, handler = RequestId(), logging.StreamHandler(sys.stdout)
    handler.addFilter(request_id)
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s"
    logging.basicConfig(handlers=[handler], format=line)
    return request_id


def main(arguments: list[str]) -> None:
    """Work off what standard input brings."""
    runtime_folder, function_arn = arguments
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], runtime_folder]
    output = os.dup(1)
    with take_input() as tasks:
        runtime = Runtime(function_arn, log_to_output())
        runtime.prepare()
        runtime.work_off(tasks, output)


if __name__ == "__main__":
    main(sys.argv[1:])
