"""One version as a replay judges it. No AWS, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml import catalogue, gate

_BAR = 30
"""Characters of the longest bar in the table."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What stands in the registry, what these thresholds would have decided, and the line of each metric."""

    version: int
    status: str
    would_be: str
    reason: str
    lines: Mapping[str, gate.Line] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """The version as the table shows it."""
        values = {name: line.value for name, line in self.lines.items()}
        bars = {f"{name}_plot": bar(line) for name, line in self.lines.items()}
        told = {"version": self.version, "status": self.status, "would_be": self.would_be, "reason": self.reason}
        return {**told, **values, **bars}


def bar(line: gate.Line) -> str:
    """Return the value as a bar in its metric's range, the limit as a mark in it; empty where there is no range."""
    metric = catalogue.METRICS.get(line.metric)
    if metric is None or metric.high - metric.low == float("inf"):
        return ""
    if not gate.is_finite(line.value) or not gate.is_finite(line.limit):
        return ""
    places = [(number - metric.low) / (metric.high - metric.low) * _BAR for number in (line.value, line.limit)]
    filled, mark = (min(_BAR - 1, max(0, int(place))) for place in places)
    drawn = ["#" if position <= filled else "." for position in range(_BAR)]
    drawn[mark] = "|"
    return "".join(drawn)
