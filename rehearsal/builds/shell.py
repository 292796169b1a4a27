"""Run command lists as a build container does: one shell per list, output line by line, a deadline that kills.

What a list exports and the directory where it ends are found by the next one. Unexported variables and functions are
not, and a process left in the background ends with its list: a buildspec that works here does not lean on either.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ANNOUNCEMENT = "[Container] "
"""How the lines begin that the container says about the commands; all others are the commands' own output."""

_KILL_GRACE_SECONDS = 2.0
# Names that a shell keeps for itself.
_SHELL_OWN = frozenset({"_", "PWD", "OLDPWD", "SHLVL"})

# POSIX only: CodeBuild runs `sh`, and macOS still ships bash 3.2.
_PROLOGUE = """\
rehearsal_command=
trap {save} EXIT
"""
_COMMAND = """\
rehearsal_command={index}
printf '%s\\n' {announcement}
eval {command}
rehearsal_status=$?
[ "$rehearsal_status" -eq 0 ] || exit "$rehearsal_status"
"""
_EPILOGUE = "rehearsal_command=\n"
_SAVE_STATE = """\
import json, os, sys
state = {"status": int(sys.argv[2]), "command": sys.argv[3], "environment": dict(os.environ), "directory": os.getcwd()}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(state, file)
"""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The command that ended a list, and its exit status."""

    command: str
    exit_status: int


class DeadlineError(Exception):
    """The commands did not end in time, and were killed."""


class StoppedError(Exception):
    """Somebody stopped the shell."""


class Shell:
    """Runs command lists one after the other. `environment` is what the next list finds."""

    def __init__(
        self,
        *,
        program: str,
        directory: Path,
        environment: Mapping[str, str],
        scratch: Path,
        on_line: Callable[[str], None],
    ) -> None:
        """`program` is "sh" or "bash"; `scratch` an existing folder; `on_line` is called from another thread."""
        self.environment = dict(environment)
        self._program = program
        self._directory = directory
        self._scratch = scratch
        self._on_line = on_line
        self._lists = 0
        self._lock = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen[str] | None = None

    def run(self, commands: Sequence[str], *, deadline: float) -> Failure | None:
        """Run the commands until one fails; return that failure, or None.

        `deadline` is a time of time.monotonic(). Raises DeadlineError when it passes, StoppedError after stop();
        nothing keeps running.
        """
        if not commands:
            return None
        self._lists += 1
        script = self._scratch / f"commands-{self._lists}.sh"
        state = self._scratch / f"state-{self._lists}.json"
        script.write_text(_script(commands, state), encoding="utf-8")
        status = self._execute([self._program, str(script)], deadline)
        if not state.exists():
            return Failure(command=commands[-1], exit_status=status)
        return self._adopt(json.loads(state.read_text(encoding="utf-8")), commands)

    def stop(self) -> None:
        """Kill what runs now and refuse to run anything else. May be called from any thread."""
        with self._lock:
            self._stopped = True
            if self._process:
                _signal_group(self._process, signal.SIGKILL)

    def _adopt(self, state: Mapping[str, object], commands: Sequence[str]) -> Failure | None:
        environment = state["environment"]
        assert isinstance(environment, dict)
        self.environment = {name: value for name, value in environment.items() if name not in _SHELL_OWN}
        self._directory = Path(str(state["directory"]))
        if not state["command"]:
            return None
        # A command that ended the shell is a failure even with status 0: the ones after it have not run.
        return Failure(command=commands[int(str(state["command"]))], exit_status=int(str(state["status"])))

    def _execute(self, command: Sequence[str], deadline: float) -> int:
        process = self._start(command)
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            status = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_KILL_GRACE_SECONDS)
            raise DeadlineError from None
        finally:
            with self._lock:
                self._process = None
            _signal_group(process, signal.SIGKILL)
            process.wait()
            # A process that left the session may hold the pipe open: its output is not waited for.
            reader.join(_KILL_GRACE_SECONDS)
        if self._stopped:
            raise StoppedError
        return status

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise StoppedError
            self._process = subprocess.Popen(
                command,
                cwd=self._directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            return self._process

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._on_line(line.rstrip("\r\n"))


def _script(commands: Sequence[str], state: Path) -> str:
    # Isolated and without site-packages: it only has to write down what the shell exports.
    python = shlex.join([sys.executable, "-I", "-S", "-c", _SAVE_STATE, str(state)])
    parts = [_PROLOGUE.format(save=shlex.quote(f'{python} "$?" "$rehearsal_command"'))]
    for index, command in enumerate(commands):
        announcement = f"{ANNOUNCEMENT}Running command {command.strip().splitlines()[0]}"
        parts.append(_COMMAND.format(index=index, announcement=shlex.quote(announcement), command=shlex.quote(command)))
    return "".join(parts) + _EPILOGUE


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # Nobody left is the usual case after a normal end; macOS says it with a permission error.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
