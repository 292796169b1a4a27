"""What a regression is measured by: errors in the target's own unit, and the share of its variance explained."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from ml.evaluation.intervals import Interval, Intervals, bootstrap, paired
from ml.evaluation.slices import Masks, Measure
from ml.evaluation.weighted_metrics import Counts, Floats, Values

SEED = 37
MOST_RESIDUALS = 300
"""More cannot be seen in a plot."""


def metrics(target: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, float]:
    """Return the task's metrics for predicted (m,) and true quantities (m,)."""
    return {
        "rmse": float(root_mean_squared_error(target, answers)),
        "mae": float(mean_absolute_error(target, answers)),
        "r2": float(r2_score(target, answers)),
    }


def intervals(target: NDArray[np.float64], answers: NDArray[np.float64], confidence: float) -> Intervals:
    """Return intervals of all metrics."""
    return bootstrap(WeightedErrors(target, [answers]), confidence=confidence)


def differences(
    target: NDArray[np.float64], answers: Sequence[NDArray[np.float64]], confidence: float
) -> Mapping[str, Interval]:
    """Return the intervals of the first regression's metrics less the second's, measured on the same rows."""
    return paired(WeightedErrors(target, answers), answers, confidence=confidence)


def baseline(target: NDArray[np.float64]) -> dict[str, Any]:
    """Return what the mean, given as the answer to every row, would reach."""
    return {
        "strategy": "the mean, for every row",
        "metrics": metrics(target, np.full(len(target), float(np.mean(target)))),
    }


def residuals(target: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return predicted and true quantities of up to 300 rows, always the same ones."""
    rows = np.arange(len(target))
    if len(rows) > MOST_RESIDUALS:
        rows = np.sort(np.random.default_rng(SEED).choice(rows, MOST_RESIDUALS, replace=False))
    return {"predicted": answers[rows].tolist(), "actual": target[rows].tolist()}


def of_slices(target: NDArray[np.float64], answers: NDArray[np.float64]) -> Measure:
    """Return what measures a part of the rows: its errors, and by how much it is predicted too high (bias)."""
    error = answers - target

    def _measure(mask: Masks) -> dict[str, float]:
        found = error[mask]
        return {
            "rmse": math.sqrt(float(np.square(found).mean())),
            "mae": float(np.abs(found).mean()),
            "bias": float(found.mean()),
        }

    return _measure


class WeightedErrors:
    """The metrics of one or more regressions for many weightings of the same rows: all follow from sums over rows."""

    def __init__(self, target: NDArray[np.float64], answers: Sequence[NDArray[np.float64]]) -> None:
        self.rows = self.cells = len(target)
        self.counts: Counts = np.ones(self.rows, dtype=np.int64)
        self.cell_of_row: Counts = np.arange(self.rows)
        self._models = range(len(answers))
        errors = [target - one for one in answers]
        # Centred, because squares of large numbers would cancel each other's digits.
        centred = target - target.mean()
        own = [column for error in errors for column in (np.square(error), np.abs(error))]
        self._features = np.column_stack([centred, np.square(centred), *own])

    def values(self, weights: Counts) -> list[Values]:
        """Return each regression's metrics for `weights` (w, m), whose rows each add up to m."""
        return self._values(weights.astype(np.float64) @ self._features, self.rows)

    def left_out(self) -> list[Values]:
        """Return each regression's metrics without one row, for each row."""
        return self._values(self._features.sum(axis=0) - self._features, self.rows - 1)

    def supports(self) -> list[dict[str, int]]:
        """Return nothing: every row carries every metric."""
        return [{} for _ in self._models]

    def _values(self, sums: Floats, rows: int) -> list[Values]:
        centred, centred_squares, *own = sums.T
        spread = centred_squares - np.square(centred) / rows
        return [_metrics(own[2 * model], own[2 * model + 1], spread, rows) for model in self._models]


def _metrics(squares: Floats, absolutes: Floats, spread: Floats, rows: int) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(spread > 0, 1 - squares / spread, math.nan)
    return {"rmse": np.sqrt(squares / rows), "mae": absolutes / rows, "r2": r2}
