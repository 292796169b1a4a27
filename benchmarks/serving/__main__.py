"""Measure, print every figure and every bar, write JSON and draw: `python -m benchmarks.serving --help`."""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.bars import Bar
from benchmarks.serving import bars, measure, models, plot
from benchmarks.serving.measure import CSV, JSON, Asked, Figure
from benchmarks.serving.models import Case
from benchmarks.serving.stack import Container, running

SIDES = ["naive", "ours", "floor"]
ROWS = (1, 100, 10_000)
RESULTS = Path("docs/performance")
TIMES_DEFAULT = 3
"""As many rounds for the default model, whose limits are the tightest: the ratios of rounds differ by a fifth."""


def main() -> int:
    """Return 0 when every bar holds, else 1."""
    options = _options()
    # The containers are groups of their own: told to end, end them first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures: list[Figure] = []
    found: list[Bar] = []
    with tempfile.TemporaryDirectory(prefix="serving-") as work:
        for case in models.cases(options.cases):
            if case.name == bars.DEFAULT and options.starts:
                found += _starts(case, options.starts, Path(work) / "start")
            with running(case, SIDES, Path(work) / "load") as containers:
                found += _equal(case, containers)
                rounds = options.rounds * (TIMES_DEFAULT if case.name == bars.DEFAULT else 1)
                for asked in _plan(case.name):
                    measured = measure.load(case, containers, asked, rounds=rounds, seconds=options.seconds)
                    _print(measured)
                    figures += measured
    found += bars.of_load(figures)
    print(*(bar.line() for bar in found), sep="\n")
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "serving.json").write_text(json.dumps(_document(options, figures, found), indent=1) + "\n")
    plot.draw(figures, options.results / "serving.svg")
    return 0 if all(bar.holds for bar in found) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--cases", nargs="+", default=list(models.CASES), choices=list(models.CASES), metavar="CASE")
    parser.add_argument("--rounds", type=int, default=9, help="of each kind of request; default model: thrice")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round, for each side")
    parser.add_argument("--starts", type=int, default=5, help="of the default model's container, for each side")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for serving.json and serving.svg")
    return parser.parse_args()


def _plan(name: str) -> Iterator[Asked]:
    """Yield what is asked of one case."""
    for rows in ROWS:
        yield Asked(rows, CSV, 1)
        if name == bars.DEFAULT:
            yield Asked(rows, JSON, 1)
            yield Asked(rows, CSV, 8)
            yield Asked(rows, JSON, 8)
    if name != bars.DEFAULT:
        yield Asked(1, CSV, 8)


def _starts(case: Case, starts: int, work: Path) -> Iterator[Bar]:
    seconds: dict[str, list[float]] = {"naive": [], "ours": []}
    slowest: dict[str, list[float]] = {"naive": [], "ours": []}
    for number in range(starts):
        for side in sorted(seconds, reverse=number % 2 == 1):
            with running(case, [side], work) as containers:
                container: Container = containers[side]
                seconds[side].append(container.seconds)
                slowest[side].append(measure.first_requests(case, container))
    print(f"{case.name}: seconds to the first healthy ping {seconds}; slowest of the first requests, ms {slowest}")
    yield from bars.of_start(seconds, slowest)


def _equal(case: Case, containers: dict[str, Container]) -> Iterator[Bar]:
    for kind in (CSV, JSON):
        for gaps in (False, True):
            largest = max(measure.difference(case, containers, rows, kind, gaps=gaps) for rows in (1, 400))
            with_gaps = " with gaps" if gaps else ""
            what = f"{case.name}: largest difference of answers, {kind.split('/')[1]}{with_gaps}"
            yield Bar(what=what, found=largest, most=bars.SAME)


def _print(figures: list[Figure]) -> None:
    for f in figures:
        print(
            f"{f.case:16}{f.rows:6} {f.kind.split('/')[1]:5}{f.clients:2} at once  {f.side:6}"
            f"p50 {f.p50:9.3f} ms [{f.lowest:.3f} .. {f.highest:.3f}]  p99 {f.p99:9.3f} ms  "
            f"processor {f.processor:9.3f} ms",
            flush=True,
        )


def _document(options: argparse.Namespace, figures: list[Figure], found: list[Bar]) -> dict[str, object]:
    machine = {"processors": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    return {
        "day": date.today().isoformat(),
        "machine": machine,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "figures": measure.as_json(figures),
        "bars": [{"what": bar.what, "found": bar.found, "most": bar.most, "holds": bar.holds} for bar in found],
    }


if __name__ == "__main__":
    raise SystemExit(main())
