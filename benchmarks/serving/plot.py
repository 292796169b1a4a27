"""Draw the medians of the three sides, one group of bars for each case."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import drawing
from benchmarks.serving.measure import CSV, Figure

COLOURS = {"naive": "#c44e52", "ours": "#4c72b0", "floor": "#8c8c8c"}
ROWS = (1, 100, 10_000)


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Write one drawing for one client and CSV, on a scale of powers of ten, to `path`."""
    chosen = [f for f in figures if f.kind == CSV and f.clients == 1]
    names = list(dict.fromkeys(f.case for f in chosen))
    with drawing(path, areas=len(ROWS), size=(12, 4.2), sharey=True) as areas:
        for area, rows in zip(areas, ROWS, strict=True):
            for shift, (side, colour) in enumerate(COLOURS.items()):
                found = {f.case: f for f in chosen if f.side == side and f.rows == rows}
                at = [names.index(name) + (shift - 1) * 0.27 for name in found]
                spread = [[f.p50 - f.lowest for f in found.values()], [f.highest - f.p50 for f in found.values()]]
                heights = [f.p50 for f in found.values()]
                area.bar(at, heights, 0.25, color=colour, label=side, yerr=spread, error_kw={"lw": 0.8})
            area.set(title=f"{rows:,} row{'s' * (rows > 1)}", yscale="log", xticks=range(len(names)))
            area.set_xticklabels(names, rotation=40, ha="right")
            area.grid(axis="y", alpha=0.3)
        areas[0].set_ylabel("milliseconds, median (range of rounds)")
        areas[0].legend(frameon=False)
