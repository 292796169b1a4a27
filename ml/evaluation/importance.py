"""How much worse a model becomes when one column is shuffled, on rows that it has not seen.

Columns that say the same stand in for each other: shuffling one of them costs little although both together may carry
the model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import catalogue
from ml.evaluation.weighted_metrics import Floats
from ml.gate import one_line

SEED = 29
REPEATS = 5
MOST_ROWS = 1_000
MOST_ANSWERS = 200_000
"""Rows that the model is asked about in all: a table with many columns is shuffled fewer times, but once at least."""

BLOCK = 2**20
"""Values that are stacked for one question to the model: 8 MB."""

MOST_COLUMNS, LONGEST_NAME = 100, 100
"""That are reported."""

ROUNDING = 1e-9
"""A model may answer the same row with other last digits when it is asked about more rows at once."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a model is charged for each row, and what becomes of the mean over the rows."""

    metric: str
    is_root: bool
    """Whether the metric is the root of the mean."""

    def of(self, model: Any, rows: NDArray[Any], target: NDArray[Any]) -> Floats:
        """Return the loss of each row: (m,)."""
        if self.is_root:
            squares: Floats = np.square(target - model.predict(rows))
            return squares
        # Not the log loss: a forest that is certain and wrong about a single row would outweigh all others.
        truth = target[:, np.newaxis] == model.classes_
        losses: Floats = np.square(model.predict_proba(rows) - truth).sum(axis=1) / 2
        return losses


LOSSES = {
    catalogue.CLASSIFICATION: Loss(metric="brier", is_root=False),
    catalogue.REGRESSION: Loss(metric="rmse", is_root=True),
}
"""By task. A clustering has no truth to lose sight of."""


def by_shuffling(
    loss: Loss, model: Any, rows: NDArray[Any], target: NDArray[Any], *, names: Sequence[str], confidence: float
) -> dict[str, Any]:
    """Return by how much the loss grows for each column of `rows` (m, p), with its confidence interval, worst first.

    The interval counts both the choice of rows and the shuffling; a column whose interval holds 0 is noise. At most a
    thousand rows are looked at, and always the same ones.
    """
    rng = np.random.default_rng(SEED)
    if len(rows) > MOST_ROWS:
        drawn = np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))
        rows, target = rows[drawn], target[drawn]
    repeats = min(max(MOST_ANSWERS // rows.size, 1), REPEATS)
    before = loss.of(model, rows, target)
    after = np.zeros((len(names), len(rows)))
    for column, losses in _shuffled(loss, model, rows, target, repeats=repeats):
        after[column] += (losses - before) / repeats
    found = [_column(name, before, more, loss.is_root, confidence) for name, more in zip(names, after, strict=True)]
    found.sort(key=lambda column: -column["mean"])
    return {"metric": loss.metric, "repeats": repeats, "rows": len(rows), "columns": found[:MOST_COLUMNS]}


def _shuffled(
    loss: Loss, model: Any, rows: NDArray[Any], target: NDArray[Any], *, repeats: int
) -> Iterator[tuple[int, Floats]]:
    """Yield column and losses (m,) for every column and repeat. The model is asked about many of them at once."""
    rng = np.random.default_rng(SEED)
    size = max(1, BLOCK // rows.size)
    asked = [column for column in range(rows.shape[1]) for _ in range(repeats)]
    for start in range(0, len(asked), size):
        block = asked[start : start + size]
        stacked = np.tile(rows, (len(block), 1))
        copies = stacked.reshape(len(block), *rows.shape)
        for copy, column in zip(copies, block, strict=True):
            copy[:, column] = rows[rng.permutation(len(rows)), column]
        losses = loss.of(model, stacked, np.tile(target, len(block))).reshape(len(block), len(rows))
        yield from zip(block, losses, strict=True)


def _column(name: str, before: Floats, more: Floats, is_root: bool, confidence: float) -> dict[str, Any]:
    """Return one column's entry from each row's loss (m,) and what was added to it (m,)."""
    if is_root:
        # The root's own slope carries the spread of the rows over to it.
        ends = [math.sqrt(max(float(losses.mean()), 0.0)) for losses in (before, before + more)]
        slopes = [0.5 / end if end else 0.0 for end in ends]
        mean, spread = ends[1] - ends[0], (before + more) * slopes[1] - before * slopes[0]
    else:
        mean, spread = float(more.mean()), more
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * float(np.std(spread, ddof=1)) / math.sqrt(len(before))
    least = ROUNDING * float(before.mean())
    return {
        "column": one_line(name, LONGEST_NAME),
        "mean": mean,
        "lower": mean - reach,
        "upper": mean + reach,
        "noise": mean - reach <= least and mean + reach >= -least,
    }
