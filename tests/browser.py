"""A Chromium that a test drives by the DevTools protocol, over pipes: no port, no driver and no package."""

import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL = "apt-get install -y chromium"
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
LONGEST_WAIT = 120
"""Seconds without a word after which the browser counts as hung."""

_COMMANDS, _ANSWERS = 3, 4
"""Where the browser reads and writes: the protocol's own numbers."""

_FIRST_FREE = 10


def found() -> str:
    """Return the browser's path. Without one the test is skipped on a laptop and fails in CI, which installs it."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop(f"no Chromium and no Chrome on PATH. On Debian: {INSTALL}")
    return path


class Page:
    """One tab, with everything that it said and asked for since its last file was opened."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers, self._unread, self._number = commands, answers, b"", 0
        self._session: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> Any:
        """Give one command and return its result, keeping the events that come before it."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while "id" not in (message := self._read()):
            self.events.append(message)
        assert "error" not in message, (method, message["error"])
        return message["result"]

    def open(self, path: Path) -> None:
        """Open a file and wait until it has loaded."""
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        while not self.of("Page.loadEventFired"):
            self.events.append(self._read())

    def of(self, *methods: str) -> list[dict[str, Any]]:
        """Return what these kinds of event told, in order."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression: a debugger may, whatever the page's own policy forbids."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def look(self, *, width: int, dark: bool = False) -> None:
        """Give the window this width in CSS pixels, and the person this preference."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            assert select.select([self._answers], [], [], LONGEST_WAIT)[0], f"no word for {LONGEST_WAIT} seconds"
            more = os.read(self._answers, 1 << 20)
            assert more, "the browser has ended"
            self._unread += more
        text, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(text))


@contextmanager
def page() -> Iterator[Page]:
    """Start a browser with a fresh profile, and end it with everything that it started."""
    path = found()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        (hears, tells), (reads, writes) = _pipe(), _pipe()
        process = os.posix_spawn(
            path,
            [path, *OPTIONS, f"--user-data-dir={profile}"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, hears, _COMMANDS),
                (os.POSIX_SPAWN_DUP2, writes, _ANSWERS),
                # It complains of whatever a machine without a screen lacks.
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )
        # Only the browser holds them now, so that its end is the end of what is read.
        os.close(hears)
        os.close(writes)
        try:
            yield Page(tells, reads)
        finally:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(tells)
            os.close(reads)


def _pipe() -> tuple[int, int]:
    """Return the reading and the writing end of a pipe, at numbers that the browser's own do not overlap."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
