"""Evaluation: bootstrap resamples of a classifier's metrics, all at once, against a loop of scikit-learn's functions.

The loop measures accuracy, F1 and AUC; ours measures precision, recall, log loss and the Brier score besides. A
loop of 10,000 takes minutes: it is timed on a few resamples and scaled. Memory is the most that numpy holds meanwhile.
"""

import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from benchmarks import figures
from benchmarks.bars import Bar, ratio
from benchmarks.figures import Figure, Measured
from ml.evaluation.intervals import Intervals, bootstrap
from ml.evaluation.weighted_metrics import WeightedMetrics

ROUNDS = 3
ROWS, RESAMPLES, LOOPED = 100_000, 10_000, 40
LEVELS = 1_000
"""Of tied scores: a forest of trees, or probabilities that somebody has rounded."""

MOST = {"continuous": 1 / 15, "tied": 1 / 100}
NAMES = ("accuracy", "f1", "auc")
FARTHEST = 4.0
"""Standard errors by which a deviation may differ from the loop's: each of six passes in all but 1 of 15,000 runs."""

MEMORY_ROWS, MEMORY_RESAMPLES = (10_000, 100_000, 1_000_000), (20, 200)
MOST_GROWTH = 1.2
"""Ten times the resamples may take so much more memory: their values alone, 8 bytes for each metric."""


class Answers(NamedTuple):
    """Labels (m,), 0 or 1, and probabilities of both (m, 2)."""

    actual: NDArray[np.int64]
    probabilities: NDArray[np.float64]


class Run(NamedTuple):
    """Seconds for all resamples, and each metric's standard deviation over the resamples that were drawn."""

    seconds: float
    deviations: dict[str, float]


def measure(rounds: int, *, large: bool) -> Measured:
    """Return seconds, equality and memory. `large` changes nothing here."""
    found: list[Figure] = []
    bars: list[Bar] = []
    for kind, most in MOST.items():
        answers = made(ROWS, levels=LEVELS if kind == "tied" else None)
        sides = {"loop, scaled": _counted(loop, answers), "ours": _counted(ours, answers)}
        runs = figures.take_turns(sides, rounds)
        seconds = {side: [run.seconds for run in values] for side, values in runs.items()}
        found += [Figure(what=kind, side=side, unit="s", rounds=values, at=ROWS) for side, values in seconds.items()]
        bars.append(ratio(f"{kind} scores, seconds, ours / loop", seconds["ours"], seconds["loop, scaled"], most))
        apart = farthest(runs["loop, scaled"], runs["ours"][0], drawn=LOOPED * rounds)
        bars.append(Bar(what=f"{kind} scores, deviations apart, standard errors", found=apart, most=FARTHEST))
    memory = [_memory(rows, resamples) for rows in MEMORY_ROWS for resamples in MEMORY_RESAMPLES]
    return Measured(figures=[*found, *memory], bars=[*bars, *_memory_bars(memory)])


def draw(measured: Measured, path: Path) -> None:
    """Draw the seconds of both kinds, and the memory over the rows."""
    with figures.drawing(path, areas=3, size=(12, 3.4)) as (*areas, last):
        for area, kind in zip(areas, MOST, strict=True):
            chosen = [figure for figure in measured.figures if figure.what == kind]
            figures.draw_sides(area, chosen, f"{RESAMPLES:,} resamples, {kind} scores")
            area.set(xscale="log")
        lines = {side: measured.of("memory", side) for side in map(_side, MEMORY_RESAMPLES)}
        figures.draw_lines(last, lines, "memory of resampling", "rows")


def made(rows: int, *, levels: int | None) -> Answers:
    """Return made-up answers, a tenth of them positive; with `levels` the probabilities are multiples of 1 / levels."""
    rng = np.random.default_rng(3)
    actual = (rng.random(rows) < 0.1).astype(np.int64)
    positive = 1 / (1 + np.exp(-(rng.normal(size=rows) + 2.2 * actual - 1.5)))
    if levels is not None:
        positive = np.round(positive * levels) / levels
    return Answers(actual, np.column_stack([1 - positive, positive]))


def loop(answers: Answers, seed: int) -> Run:
    """Measure a few resamples as everybody would; the seconds are those of RESAMPLES."""
    rng = np.random.default_rng(seed)
    began = time.perf_counter()
    values = [by_scikit_learn(answers, rng.integers(0, ROWS, ROWS)) for _ in range(LOOPED)]
    seconds = (time.perf_counter() - began) * RESAMPLES / LOOPED
    columns = np.array([[value[name] for name in NAMES] for value in values])
    return Run(seconds, dict(zip(NAMES, columns.std(axis=0, ddof=1).tolist(), strict=True)))


def by_scikit_learn(answers: Answers, drawn: NDArray[np.int64]) -> dict[str, float]:
    """Return the metrics of the rows `drawn`."""
    actual, positive = answers.actual[drawn], answers.probabilities[drawn, 1]
    predicted = answers.probabilities[drawn].argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        "f1": float(f1_score(actual, predicted)),
        "auc": float(roc_auc_score(actual, positive)),
    }


def ours(answers: Answers, seed: int) -> Run:
    """Return all intervals from RESAMPLES resamples."""
    began = time.perf_counter()
    found = _bootstrap(answers, RESAMPLES, seed)
    seconds = time.perf_counter() - began
    return Run(seconds, {name: found.metrics[name].deviation for name in NAMES})


def farthest(looped: list[Run], own: Run, *, drawn: int) -> float:
    """Return by how many standard errors our deviations differ at most from those of `drawn` looped resamples."""
    error = math.sqrt(1 / (2 * (drawn - 1)) + 1 / (2 * (RESAMPLES - 1)))
    pooled = {name: math.sqrt(statistics.fmean(run.deviations[name] ** 2 for run in looped)) for name in NAMES}
    return max(abs(own.deviations[name] / pooled[name] - 1) / error for name in NAMES)


def _bootstrap(answers: Answers, resamples: int, seed: int) -> Intervals:
    metrics = WeightedMetrics(answers.actual, [answers.probabilities])
    return bootstrap(metrics, confidence=0.95, resamples=resamples, seed=seed)


def _counted(side: Callable[[Answers, int], Run], answers: Answers) -> Callable[[], Run]:
    """Return the side as a call that takes another seed each time."""
    seeds = iter(range(1, 1_000))
    return lambda: side(answers, next(seeds))


def _memory(rows: int, resamples: int) -> Figure:
    answers = made(rows, levels=None)
    tracemalloc.start()
    _bootstrap(answers, resamples, 1)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return Figure(what="memory", side=_side(resamples), unit="MB", rounds=[peak], at=rows)


def _memory_bars(memory: list[Figure]) -> list[Bar]:
    few, many = ([f for f in memory if f.side == _side(resamples)] for resamples in MEMORY_RESAMPLES)
    growth = max(b.median / a.median for a, b in zip(few, many, strict=True))
    a_row = many[-1].median / many[-1].at / (many[-2].median / many[-2].at)
    return [
        Bar(what="memory, ten times the resamples / as they are, at most", found=growth, most=MOST_GROWTH),
        Bar(what="memory for each row, 1,000,000 rows / 100,000 rows", found=a_row, most=MOST_GROWTH),
    ]


def _side(resamples: int) -> str:
    return f"{resamples} resamples"
