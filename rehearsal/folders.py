"""Folders with the thousands of files of an installed environment."""

import subprocess
from pathlib import Path

_TIMEOUT_SECONDS = 120


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there; what cannot be removed stays.

    Not shutil.rmtree: it takes five times as long, and every other thread waits for it.
    """
    subprocess.run(["rm", "-rf", "--", str(folder)], capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
