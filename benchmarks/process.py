"""Run something in a process of its own and see what it took: a fresh interpreter knows nothing of the last round."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that has ended well: seconds by the clock and of a processor, and what it wrote."""

    seconds: float
    processor: float
    output: str
    errors: str

    @property
    def said(self) -> Any:
        """The last line of its output, read as JSON."""
        return json.loads(self.output.strip().splitlines()[-1])


def run(command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Ended:
    """Run `command` to its end. Raises RuntimeError with its errors when it fails."""
    environment, began = {**os.environ, **(env or {})}, time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=errors) as process:
            # Popen's own wait does not tell what the process used.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        output.seek(0)
        errors.seek(0)
        said, complaints = output.read(), errors.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {complaints[-2000:]}")
    return Ended(
        seconds=seconds,
        processor=used.ru_utime + used.ru_stime,
        output=said,
        errors=complaints,
    )


def python(module: str, *words: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Ended:
    """Run `python -m module words` with this interpreter."""
    return run([sys.executable, "-m", module, *words], cwd=cwd, env=env)
