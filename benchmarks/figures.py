"""Figures of several sides that take turns, and how they are printed, kept and drawn."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.bars import Bar

COLOURS = ("#c44e52", "#4c72b0", "#8c8c8c", "#55a868")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What one side needed in each round, in `unit`; `at` is where on a scale, such as a number of rows."""

    what: str
    side: str
    unit: str
    rounds: list[float]
    at: float = 0.0

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    def line(self) -> str:
        """Return the figure as one line of the report."""
        at = f"{self.at:12,.0f}" if self.at else " " * 12
        spread = f"[{min(self.rounds):.4g} .. {max(self.rounds):.4g}]"
        return f"{self.what:34}{self.side:24}{at}{self.median:12.4g} {self.unit:4}{spread}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a benchmark has found; `notes` is what else belongs beside its figures."""

    figures: Sequence[Figure]
    bars: Sequence[Bar]
    notes: Mapping[str, Any] = field(default_factory=dict)

    def of(self, what: str, side: str) -> list[Figure]:
        """Return one side's figures of one kind, in the order of their place on the scale."""
        return sorted((f for f in self.figures if (f.what, f.side) == (what, side)), key=lambda f: f.at)


def take_turns(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Return what each side gave in each round. In every other round they go in the opposite order."""
    found: dict[str, list[T]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in sorted(sides, key=list(sides).index, reverse=number % 2 == 1):
            found[side].append(sides[side]())
    return found


def document(measured: Measured, load_before: float) -> dict[str, Any]:
    """Return everything as JSON holds it. `load_before` is the load average of one minute when it began."""
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processors": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "load": {"before": load_before, "after": os.getloadavg()[0]},
        },
        "figures": [{**asdict(figure), "median": figure.median} for figure in measured.figures],
        "bars": [{**asdict(bar), "holds": bar.holds} for bar in measured.bars],
        "notes": measured.notes,
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON for people and machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@contextmanager
def drawing(
    path: Path, areas: int = 1, size: tuple[float, float] = (9.0, 3.6), *, sharey: bool = False
) -> Iterator[list[Any]]:
    """Yield empty areas beside each other; what is drawn there is written to `path`, the same bytes for the same."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": path.stem, "svg.fonttype": "none"})
    from matplotlib import pyplot

    whole, found = pyplot.subplots(1, areas, figsize=size, layout="constrained", squeeze=False, sharey=sharey)
    yield list(found[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.savefig(path, metadata={"Date": None})
    pyplot.close(whole)


def draw_sides(area: Any, figures: Sequence[Figure], title: str) -> None:
    """Draw one bar for each figure, named by its side, with the range of its rounds."""
    for place, figure in enumerate(figures):
        spread = [[figure.median - min(figure.rounds)], [max(figure.rounds) - figure.median]]
        colour = COLOURS[place % len(COLOURS)]
        area.barh(place, figure.median, 0.6, color=colour, xerr=spread, error_kw={"lw": 0.8})
    area.set(title=title, yticks=range(len(figures)), xlabel=figures[0].unit if figures else "")
    area.set_yticklabels([figure.side for figure in figures])
    area.invert_yaxis()
    area.grid(axis="x", alpha=0.3)


def draw_lines(area: Any, lines: Mapping[str, Sequence[Figure]], title: str, across: str) -> None:
    """Draw one line for each name over the scale of its figures, both in powers of ten."""
    for name, figures in lines.items():
        area.plot([f.at for f in figures], [f.median for f in figures], marker="o", ms=3, label=name)
    unit = next(iter(lines.values()))[0].unit
    area.set(title=title, xscale="log", yscale="log", xlabel=across, ylabel=unit)
    area.grid(alpha=0.3)
    area.legend(frameon=False, fontsize="small")
