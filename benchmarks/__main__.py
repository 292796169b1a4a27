"""Measure, print every figure and every bar, write JSON and draw: `python -m benchmarks --help`.

Serving is measured apart, on the container's own stack: `make benchmark-serving`.
"""

import argparse
import importlib
import os
from pathlib import Path
from typing import Protocol, cast

from benchmarks import figures
from benchmarks.figures import Measured

NAMES = ("install", "approval", "evaluation", "training", "program", "rehearsal")
RESULTS = Path("docs/performance")


class Benchmark(Protocol):
    """What each module has: rounds unless others are asked for, what it measures, and one drawing of that."""

    ROUNDS: int

    def measure(self, rounds: int, *, large: bool) -> Measured:
        """Return the figures. `large` asks for sizes that take long."""

    def draw(self, measured: Measured, path: Path) -> None:
        """Draw the figures."""


def main() -> int:
    """Return 0 when every bar holds, else 1."""
    options = _options()
    holding = [_one(name, options) for name in options.names or NAMES]
    return 0 if all(holding) else 1


def _one(name: str, options: argparse.Namespace) -> bool:
    benchmark = cast(Benchmark, importlib.import_module(f"benchmarks.{name}"))
    load = os.getloadavg()[0]
    print(f"\n{name}: load average {load:.1f} on {os.cpu_count()} processors", flush=True)
    measured = benchmark.measure(options.rounds or benchmark.ROUNDS, large=options.large)
    print(*(figure.line() for figure in measured.figures), *(bar.line() for bar in measured.bars), sep="\n", flush=True)
    figures.write(options.results / f"{name}.json", figures.document(measured, load))
    benchmark.draw(measured, options.results / f"{name}.svg")
    return all(bar.holds for bar in measured.bars)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; without any: all of them")
    parser.add_argument("--rounds", type=int, help="in each of which every side is measured once")
    parser.add_argument("--large", action="store_true", help="training also with a million rows: half an hour more")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON and the drawings")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such benchmark; there are {', '.join(NAMES)}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
