"""A training job's command as a process: our interpreter and packages stand for the image's."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

STOP_SECONDS = 120
"""Between SIGTERM and the end (API reference, StopTrainingJob)."""

_PYTHON_SCRIPT = """\
#!/bin/sh
exec {python} "$@"
"""


class TrainingProcess:
    """One command, run once. `terminate` and `kill` may be called from any thread, before it starts as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._unwanted = False
        self.ended_late = False

    def run(self, command: Sequence[str], *, folder: Path, seconds: float, on_line: Callable[[str], None]) -> int:
        """Run the command until it ends, for at most `seconds`, and return its exit status."""
        with self._lock:
            if self._unwanted:
                return -signal.SIGTERM
            self._process = process = self._start(command, folder)
        limit = threading.Timer(seconds, self._end_late)
        limit.daemon = True
        limit.start()
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                on_line(line.rstrip("\n"))
        status = process.wait()
        limit.cancel()
        return status

    def terminate(self) -> None:
        """Tell the process to end, and end it when it has not after two minutes."""
        self._signal(signal.SIGTERM)
        last = threading.Timer(STOP_SECONDS, self.kill)
        last.daemon = True
        last.start()

    def kill(self) -> None:
        """End the process now."""
        self._signal(signal.SIGKILL)

    def _end_late(self) -> None:
        self.ended_late = True
        self.terminate()

    def _signal(self, number: int) -> None:
        with self._lock:
            self._unwanted = True
            if self._process and self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def _start(self, command: Sequence[str], folder: Path) -> "subprocess.Popen[str]":
        scratch, binaries = folder.parent / "tmp", folder.parent / "bin"
        scratch.mkdir()
        binaries.mkdir()
        python = binaries / "python"
        python.write_text(_PYTHON_SCRIPT.format(python=shlex.quote(sys.executable)), "utf-8")
        python.chmod(0o755)
        return subprocess.Popen(
            command,
            cwd=scratch,
            # As in the image; nothing of the caller's, and no credentials: the job's network is cut.
            env={
                "PATH": f"{binaries}{os.pathsep}{os.defpath}",
                "LANG": "C.UTF-8",
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": str(scratch),
                "SM_INPUT": str(folder / "input"),
                "SM_MODEL_DIR": str(folder / "model"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
