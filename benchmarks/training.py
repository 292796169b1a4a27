"""Training: seconds, memory and the size of the model for every use case, from a thousand rows to a million.

Each fit has a process of its own, hence its own peak of memory. Seconds are the processor's, of all threads: a fit uses
every processor. Rows are the use case's own made-up ones, more of them. Beside them stands what the seconds cost where
the build trains, by the list prices of `ml.operate.cost`; what else a build does is in `python -m ml cost`. The limits
are those of that build: its time, its memory, and a file that its rows cannot make larger and larger.
"""

import json
import math
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import figures, process
from benchmarks.bars import Bar
from benchmarks.figures import Figure, Measured
from benchmarks.functions import peak
from ml import catalogue

ROUNDS = 1
ROWS, MANY_ROWS = (1_000, 10_000, 100_000), 1_000_000
BUILD, PROCESSORS, MEGABYTES = "BUILD_GENERAL1_SMALL", 2, 3_000
"""The default build of Linux (CodeBuild user guide, "Build environment compute modes and types")."""

MOST_SAME = 1.1
"""A clustering's file, of the most rows against the fewest: the numbers in it are as many, and compress otherwise."""

UNITS = {"seconds": "s", "memory": "MB", "archive": "MB", "cost": "USD", "leaves": "share"}


def measure(rounds: int, *, large: bool) -> Measured:
    """Return the figures of every use case and number of rows; with `large` also a million rows, once."""
    found: list[Figure] = []
    for rows in (*ROWS, *([MANY_ROWS] if large else [])):
        sides = {name: partial(_in_a_process, name, rows) for name in catalogue.USE_CASES}
        for name, values in figures.take_turns(sides, 1 if rows == MANY_ROWS else rounds).items():
            found += [
                Figure(what=what, side=name, unit=unit, rounds=[value[what] for value in values], at=rows)
                for what, unit in UNITS.items()
                if what in values[0]
            ]
    measured = Measured(figures=found, bars=[])
    bars = [bar for name in catalogue.USE_CASES for bar in _bars(measured, name)]
    return Measured(figures=found, bars=bars, notes={"compute_type": BUILD, "cost": "whole minutes, training alone"})


def draw(measured: Measured, path: Path) -> None:
    """Draw seconds, memory and size over the rows, one line for each use case."""
    titles = {"seconds": "fit", "memory": "peak of the process", "archive": "model archive"}
    with figures.drawing(path, areas=len(titles), size=(12, 3.6)) as areas:
        for area, (what, title) in zip(areas, titles.items(), strict=True):
            lines = {name: measured.of(what, name) for name in catalogue.USE_CASES}
            figures.draw_lines(area, lines, title, "rows")


def cost(seconds: float) -> float:
    """Return the USD that a build is charged for so many seconds: it is billed by begun minutes."""
    from ml.operate.cost import prices

    return float(math.ceil(seconds / 60) * prices()["build_minute"][BUILD]["usd"])


def fitted(name: str, rows: int) -> dict[str, float]:
    """Fit the use case's model to `rows` rows; return seconds, peak memory, the archive's megabytes and the cost.

    Of a forest also return how many leaves its largest tree has, as a share of those that its rows allow.
    """
    from ml import packaging, training, usecases

    use_case: Any = usecases.load(name)
    table = use_case.synthetic(rows)
    began = time.process_time()
    trained = training.train(table, use_case.build, usecases.split_of(use_case))
    seconds = time.process_time() - began
    memory = peak.megabytes()
    archive = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=name)
    found = {"seconds": seconds, "archive": len(archive.body) / 1e6, "cost": cost(seconds), "memory": memory}
    return found | leaves(trained.model[-1])


def leaves(estimator: Any) -> dict[str, float]:
    """Return the leaves of a forest's largest tree as a share of 1 / min_samples_leaf; of others nothing."""
    if not hasattr(estimator, "min_samples_leaf"):
        return {}
    return {"leaves": max(tree.get_n_leaves() for tree in estimator.estimators_) * estimator.min_samples_leaf}


def _in_a_process(name: str, rows: int) -> dict[str, float]:
    found: dict[str, float] = process.python("benchmarks.training", name, str(rows)).said
    print(f"{name:16}{rows:12,} rows {found['seconds']:8.2f} s {found['archive']:8.2f} MB", flush=True)
    return found


def _bars(measured: Measured, name: str) -> list[Bar]:
    # Here, because it imports Pulumi: a fit's process is measured without.
    from components.build_project import TRAIN_TIMEOUT_MINUTES

    seconds, memory, archive = (measured.of(what, name) for what in ("seconds", "memory", "archive"))
    at = f"{name}, {seconds[-1].at:,.0f} rows"
    allowed = PROCESSORS * TRAIN_TIMEOUT_MINUTES * 60
    bars = [
        Bar(what=f"{at}: processor seconds / those of a build", found=seconds[-1].median / allowed, most=1.0),
        Bar(what=f"{at}: peak / memory of a build", found=memory[-1].median / MEGABYTES, most=1.0),
    ]
    if grown := measured.of("leaves", name):
        most = max(figure.median for figure in grown)
        return [*bars, Bar(what=f"{at}: leaves of the largest tree / its limit", found=most, most=1.0)]
    change = archive[-1].median / archive[0].median
    return [*bars, Bar(what=f"{at}: archive / that of {archive[0].at:,.0f} rows", found=change, most=MOST_SAME)]


if __name__ == "__main__":
    print(json.dumps(fitted(sys.argv[1], int(sys.argv[2]))))
