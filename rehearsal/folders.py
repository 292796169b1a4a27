"""Folders with the thousands of files of an installed environment."""

import contextlib
import subprocess
from pathlib import Path

_TIMEOUT_SECONDS = 120
_IN_NO_HURRY = ("nice", "-n", "19")


def remove(folder: Path, *, in_no_hurry: bool = False) -> None:
    """Remove a folder with all that is in it, if it is there; what cannot be removed stays.

    `in_no_hurry` leaves the processors to whoever works. Not shutil.rmtree: it takes five times as long, and every
    other thread waits for it.
    """
    command = [*(_IN_NO_HURRY if in_no_hurry else ()), "rm", "-rf", "--", str(folder)]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
