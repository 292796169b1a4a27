"""The peak memory of this process since its program began."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def megabytes() -> float:
    """Return the largest resident set.

    Linux's own account starts with the program. getrusage's is inherited from whoever started it, and may be larger.
    """
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
