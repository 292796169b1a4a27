"""What a clustering is measured by: how apart its clusters are, and whether other rows would have given the same."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score, silhouette_samples
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes none

from ml.evaluation.intervals import Interval, Intervals, bootstrap, paired
from ml.evaluation.slices import Masks, Measure
from ml.evaluation.weighted_metrics import Counts, Floats, Values

REFITS = 10
SEED = 23
MOST_ROWS = 10_000
"""A silhouette compares each row with every other: 250,000 held-out rows would take half an hour."""


def sampled(rows: NDArray[Any]) -> NDArray[Any]:
    """Return `rows` (m, ...) that a clustering can be measured on: of more than 10,000 some, always the same ones."""
    if len(rows) <= MOST_ROWS:
        return rows
    drawn = np.random.default_rng(SEED).choice(len(rows), MOST_ROWS, replace=False)
    return rows[np.sort(drawn)]


def metrics(model: Any, fit_rows: NDArray[Any], rows: NDArray[Any], apart: Floats) -> dict[str, float]:
    """Return the task's metrics of a fitted pipeline on `rows` (m, p), whose silhouettes are `apart` (m,)."""
    return {"silhouette": float(np.mean(apart)), "stability": stability(model, fit_rows, rows)}


def stability(model: Any, fit_rows: NDArray[Any], rows: NDArray[Any]) -> float:
    """Return the mean adjusted Rand index between the model's answers to `rows` and those of others of its kind.

    These are the same pipeline, fitted again on resamples of `fit_rows` (n, p).
    """
    labels = model.predict(rows)
    rng, agreements = np.random.default_rng(SEED), []
    # Several threads add up in another order each time, and on a busy machine mostly wait for each other.
    with threadpool_limits(limits=1):
        for _ in range(REFITS):
            drawn = rng.integers(0, len(fit_rows), len(fit_rows))
            agreements.append(adjusted_rand_score(labels, clone(model).fit(fit_rows[drawn]).predict(rows)))
    return float(np.mean(agreements))


def intervals(apart: Floats, confidence: float) -> Intervals:
    """Return the interval of the silhouette, the clusters held fixed; that of the stability is not known."""
    return bootstrap(WeightedMeans("silhouette", [apart]), confidence=confidence)


def differences(apart: Sequence[Floats], confidence: float) -> Mapping[str, Interval]:
    """Return the interval of the first clustering's silhouette less the second's, from those of the same rows.

    Each clustering is measured in its own space: how it scales and reduces the columns is part of it.
    """
    return paired(WeightedMeans("silhouette", apart), apart, confidence=confidence)


def sizes(model: Any, rows: NDArray[Any]) -> dict[str, int]:
    """Return cluster -> number of rows."""
    clusters, counts = np.unique(model.predict(rows), return_counts=True)
    return {str(cluster): int(count) for cluster, count in zip(clusters.tolist(), counts.tolist(), strict=True)}


def of_slices(apart: Floats) -> Measure:
    """Return what measures a part of the rows: how well they lie in their clusters, which are those of all rows."""

    def _measure(mask: Masks) -> dict[str, float]:
        return {"silhouette": float(apart[mask].mean())}

    return _measure


def silhouettes(model: Any, rows: NDArray[Any]) -> Floats:
    """Return the silhouette of each row (m,), in the space in which the model measures distances; -1 in one cluster."""
    labels = model.predict(rows)
    if not 2 <= len(np.unique(labels)) < len(rows):
        return np.full(len(rows), -1.0)
    prepared = model[:-1].transform(rows) if len(model) > 1 else rows
    found: Floats = silhouette_samples(prepared, labels)
    return found


class WeightedMeans:
    """The mean of one number for each row, from one or more models, for many weightings of the rows."""

    def __init__(self, name: str, numbers: Sequence[Floats]) -> None:
        self._name, self._numbers = name, np.array(numbers)
        self.rows = self.cells = len(numbers[0])
        self.counts: Counts = np.ones(self.rows, dtype=np.int64)
        self.cell_of_row: Counts = np.arange(self.rows)

    def values(self, weights: Counts) -> list[Values]:
        """Return each model's mean for `weights` (w, m), whose rows each add up to m."""
        return [{self._name: mean} for mean in self._numbers @ weights.T.astype(np.float64) / self.rows]

    def left_out(self) -> list[Values]:
        """Return each model's mean without one row, for each row."""
        return [{self._name: (one.sum() - one) / (self.rows - 1)} for one in self._numbers]

    def supports(self) -> list[dict[str, int]]:
        """Return nothing: every row carries the mean."""
        return [{} for _ in self._numbers]
