"""`python -m rehearsal serve` as a person meets it: a process of its own, git, the operator's commands, and its end."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.serve import GIT_URL, OPERATOR_FILE, REQUEST_FILE
from tests.harness import ROOT

OPEN_SECONDS = 300
RELEASE_SECONDS = 600
ASKED_SECONDS = 300
COMMAND_SECONDS = 180
END_SECONDS = 60
# What was killed takes a moment to go, and git or rm may be about to end.
LEFT_SECONDS = 5
BUILD_STARTED = "build train-model:"
PAUSE_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running `serve`, the folder that it works in, and what its operator file exports."""

    process: subprocess.Popen[bytes]
    folder: Path
    environment: Mapping[str, str]

    def output(self) -> str:
        return self.folder.with_suffix(".log").read_text()

    def push(self, message: str) -> None:
        """Do as a developer does: clone, commit, push. The folder's own clone holds the project's files."""
        clone = self.folder / "clone-dev"
        (clone / "NOTE").write_text(message)
        for words in (("add", "--all"), ("commit", "-qm", message), ("push", "-q", self.environment[GIT_URL], "main")):
            identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
            git = ["git", *identity, *words]
            subprocess.run(git, cwd=clone, check=True, capture_output=True, timeout=COMMAND_SECONDS)

    def ml(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Return exit status and JSON answer of an operator's command."""
        command = [sys.executable, "-m", "ml", "--json", *words]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, answer

    def state(self) -> dict[str, dict[str, Any]]:
        return {row["what"]: row for row in self.ml("status")[1]["rows"]}

    def wait_for(self, what: Callable[[], bool], seconds: float) -> None:
        wait_until(lambda: self.process.poll() is not None or what(), seconds, self.output)
        assert self.process.poll() is None, self.output()

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS)


def wait_until(what: Callable[[], bool], seconds: float, explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s: {explain()}"
        signal.sigtimedwait([], PAUSE_SECONDS)


def exported(operator_file: Path) -> dict[str, str]:
    """Return the variables that a shell has after reading the file."""
    lines = [shlex.split(line) for line in operator_file.read_text().splitlines()]
    pairs = [words[1].partition("=") for words in lines if words[0] == "export"]
    return {name: value for name, _, value in pairs}


def serving(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    with folder.with_suffix(".log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "rehearsal", "serve", "--keep", str(folder), *words],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def opened(process: subprocess.Popen[bytes], folder: Path) -> Served:
    operator, log = folder / OPERATOR_FILE, folder.with_suffix(".log")
    wait_until(lambda: operator.exists() or process.poll() is not None, OPEN_SECONDS, log.read_text)
    assert process.poll() is None, log.read_text()
    return Served(process=process, folder=folder, environment=exported(operator))


def descendants(of: int) -> set[int]:
    """Return the processes below one, by their entries in /proc."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, more = set[int](), {of}
    while more:
        found |= more
        more = {child for child, parent in parents.items() if parent in more} - found
    return found - {of}


def alive(processes: set[int]) -> set[int]:
    return {each for each in processes if Path(f"/proc/{each}").exists() and not _is_zombie(each)}


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Return `serve(*words)`; whatever a failed test leaves running is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> Served:
        folder = tmp_path / f"served{len(started)}"
        started.append(serving(folder, *words))
        return opened(started[-1], folder)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(END_SECONDS)


def test_a_push_goes_live_the_operator_asks_and_nothing_is_left(serve: Callable[..., Served]) -> None:
    served = serve()

    assert served.ml("history") == (0, {**served.ml("history")[1], "rows": []})
    served.push("A first model")
    served.wait_for(lambda: served.state()["endpoint"]["state"] == "InService", RELEASE_SECONDS)
    served.wait_for(lambda: (served.folder / REQUEST_FILE).exists(), ASKED_SECONDS)
    status, told = served.ml("history")
    asked, answers = served.ml("invoke", str(served.folder / REQUEST_FILE))
    children = descendants(served.process.pid)
    ended = served.stop(signal.SIGTERM)

    assert (status, [(row["version"], row["status"], row["champion"]) for row in told["rows"]]) == (
        0,
        [(1, "Approved", True)],
    )
    assert (asked, len(answers["rows"])) == (0, 5)
    assert children
    assert ended == 0
    wait_until(lambda: not alive(children), LEFT_SECONDS, lambda: f"left: {alive(children)}")
    assert not (served.folder / OPERATOR_FILE).exists()
    assert "Execution" in served.output()
    assert "Traceback" not in served.output()


def test_nobody_approves_but_a_person_at_another_terminal_and_ctrl_c_ends_it(serve: Callable[..., Served]) -> None:
    served = serve("--config", "approval.mode=manual")

    served.push("A first model")
    served.wait_for(lambda: "waits for you: python -m ml approve 1" in served.output(), RELEASE_SECONDS)
    before = served.state()["endpoint"]["state"]
    approved, told = served.ml("approve", "1", "--comment", "I have read the report")
    served.wait_for(lambda: served.state()["endpoint"]["state"] == "InService", RELEASE_SECONDS)
    # In the middle of something: a build of the next push runs.
    builds = served.output().count(BUILD_STARTED)
    served.push("A second model")
    served.wait_for(lambda: served.output().count(BUILD_STARTED) > builds, RELEASE_SECONDS)
    children = descendants(served.process.pid)
    ended = served.stop(signal.SIGINT)

    assert before == "does not exist"
    assert (approved, told["rows"][0]["decided_now"]) == (0, True)
    assert ended == 0
    wait_until(lambda: not alive(children), LEFT_SECONDS, lambda: f"left: {alive(children)}")
    assert "Traceback" not in served.output()
