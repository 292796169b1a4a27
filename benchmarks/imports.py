"""What takes how long to import."""

import sys
from collections.abc import Mapping
from typing import Any

from benchmarks import process

LONGEST = 12


def of(code: str, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the packages that `code` imports, the slowest first: seconds of their own modules, and how many."""
    return slowest(process.run([sys.executable, "-X", "importtime", "-c", code], env=env).errors)


def slowest(report: str) -> list[dict[str, Any]]:
    """Return the packages of a report of `-X importtime`, the slowest first."""
    own: dict[str, list[float]] = {}
    for line in report.splitlines():
        columns = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and columns[0].strip().isdigit():
            own.setdefault(columns[2].strip().split(".")[0], []).append(int(columns[0]) / 1e6)
    ordered = sorted(own.items(), key=lambda item: sum(item[1]), reverse=True)
    return [{"package": name, "seconds": round(sum(took), 4), "modules": len(took)} for name, took in ordered[:LONGEST]]
