"""A serving container as a subprocess: started, asked for its health, asked for predictions, drained and ended."""

import contextlib
import http.client
import json
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ml import serving_image
from rehearsal.runtimes import container
from rehearsal.runtimes.interpreter import isolated

HEALTH_TIMEOUT_SECONDS = 90.0
INVOCATION_TIMEOUT_SECONDS = 60.0
"""How long a container may take for one answer (SageMaker developer guide, "How containers serve requests")."""

_PING_TIMEOUT_SECONDS = 2.0
# SageMaker asks for minutes; a server that answers an error this often in a row will not get better here.
_REFUSED_PINGS = 5
_FIRST_PAUSE_SECONDS = 0.02
_LAST_PAUSE_SECONDS = 0.3
_END_GRACE_SECONDS = 5.0
_REMEMBERED_LINES = 5


class ServerError(Exception):
    """The container is not healthy, or ended; the text says what it printed last."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the container answered to one invocation."""

    status: int
    content_type: str
    body: bytes


class Standby:
    """Starts containers, the next one ahead: it has its libraries imported when a model comes.

    Only the environment that every package of the road asks for can be had ahead; another one starts afresh.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._ahead: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Start the next container unless it waits already."""
        with self._lock:
            if self._ahead is None:
                self._ahead = self._start(serving_image.ENVIRONMENT)

    def take(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Return a container that waits for its model."""
        with self._lock:
            if self._ahead is not None and dict(environment) == dict(serving_image.ENVIRONMENT):
                ahead, self._ahead = self._ahead, None
                return ahead
        return self._start(environment)

    def close(self) -> None:
        """End the container that waits, if there is one."""
        with self._lock:
            if self._ahead is not None:
                self._ahead.kill()
                self._ahead.communicate()
                self._ahead = None

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        # Our installed packages stand for the image's; our own modules are not importable.
        return subprocess.Popen(
            [*isolated(self._work), container.__file__],
            cwd=self._work,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment},
            stdin=subprocess.PIPE,  # held open: its end tells the container that we are gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )


class ModelServer:
    """One container. `on_line` gets what it prints, `on_end` the exit status when it ends unasked."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        *,
        model_folder: Path,
        on_line: Callable[[str], None],
        on_end: Callable[["ModelServer", int], None],
    ) -> None:
        """Give the waiting container `process` its model."""
        self._on_line = on_line
        self._on_end = on_end
        self._last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._ready = model_folder.with_name("port")
        self._changed = threading.Condition()
        self._in_flight = 0
        self._ending = False
        self._process = process
        # A container that has ended already says so when it is asked for its health.
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.write(json.dumps({"model_folder": str(model_folder), "ready_file": str(self._ready)}) + "\n")
            process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def wait_until_healthy(self) -> None:
        """Return when /ping answers 200. Raises ServerError when it does not."""
        deadline, pause, refused = time.monotonic() + HEALTH_TIMEOUT_SECONDS, _FIRST_PAUSE_SECONDS, 0
        while time.monotonic() < deadline and refused < _REFUSED_PINGS:
            if self._process.poll() is not None:
                self._reader.join(_END_GRACE_SECONDS)
                raise ServerError(f"the container ended with exit status {self._process.returncode}: {self._tail()}")
            status = self._ping()
            if status == http.HTTPStatus.OK:
                return
            refused += status is not None
            time.sleep(pause)
            pause = min(_LAST_PAUSE_SECONDS, pause * 1.5)
        raise ServerError(f"/ping does not answer 200: {self._tail()}")

    def _ping(self) -> int | None:
        if not self._ready.exists():
            return None
        connection = self._connection(_PING_TIMEOUT_SECONDS)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/ping")
            return connection.getresponse().status
        return None

    @property
    def exit_status(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.poll()

    def begin(self) -> None:
        """Announce one invocation: retiring waits until it has ended. Call it where the server is chosen."""
        with self._changed:
            self._in_flight += 1

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Perform the invocation that was announced. Raises ServerError when the container does not answer."""
        try:
            with contextlib.closing(self._connection(INVOCATION_TIMEOUT_SECONDS)) as connection:
                connection.request("POST", "/invocations", body=body, headers=dict(headers))
                response = connection.getresponse()
                content_type = response.getheader("Content-Type", "application/octet-stream")
                return Answer(status=response.status, content_type=content_type, body=response.read())
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"the container did not answer: {error or type(error).__name__}") from error
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def retire(self) -> None:
        """End the container when every announced invocation has its answer."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, INVOCATION_TIMEOUT_SECONDS)
        self.end()

    def end(self) -> None:
        """End the container now."""
        self._ending = True
        self._process.terminate()
        try:
            self._process.wait(_END_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_END_GRACE_SECONDS)
        if self._process.stdin:
            self._process.stdin.close()

    def _connection(self, timeout_seconds: float) -> http.client.HTTPConnection:
        port = int(self._ready.read_text(encoding="ascii"))
        return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)

    def _tail(self) -> str:
        return " | ".join(self._last_lines) or "it printed nothing"

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                text = line.rstrip()
                if text:
                    self._last_lines.append(text.strip())
                self._on_line(text)

    def _watch(self) -> None:
        status = self._process.wait()
        self._reader.join(_END_GRACE_SECONDS)
        if not self._ending:
            self._on_end(self, status)
