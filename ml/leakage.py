"""Find columns that know the target: what alone tells nearly all of it was probably written down after the fact."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ml import catalogue
from ml.evaluation.weighted_metrics import Counts, Floats
from ml.table import Column, Table

AUC, R2 = "auc", "r2"
LEAST_SCORE = 0.99
"""No honest column separates classes or explains a quantity so well by itself."""

SEED = 31
FOLDS = 5
MOST_ROWS = 20_000
MOST_BINS = 50
ROWS_PER_BIN = 20
MOST_LEAKS = 20


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A column that alone reaches `score`, 0.99 to 1, of `measure`: auc (each class against the rest) or r2."""

    column: str
    score: float
    measure: str

    @property
    def sentence(self) -> str:
        """What a person should do about it."""
        return (
            f"column {self.column!r} alone reaches {self.measure} {self.score:.3f}: it may hold the answer. Remove it"
            " unless it is known before the outcome"
        )


def leaks(table: Table) -> tuple[Leak, ...]:
    """Return the columns that alone predict the target of `table` nearly perfectly, the most certain first.

    A row is scored by what rows of the same value, or of the same range of values, have for a target in the other four
    fifths of the table: a column that is different in every row, such as an identifier, therefore scores nothing. A
    missing value is a value of its own. A clustering has no target and no leaks. At most 20 000 rows are looked at.
    """
    if table.task == catalogue.CLUSTERING:
        return ()
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(table.rows))[:MOST_ROWS]
    folds = np.arange(len(order)) % FOLDS
    goals = _goals(table.target[order], table.task)
    measure = R2 if table.task == catalogue.REGRESSION else AUC
    found = []
    for index, column in enumerate(table.columns):
        score = _score(column, table.rows[order, index], goals, folds, measure)
        if score >= LEAST_SCORE:
            found.append(Leak(column=column.name, score=score, measure=measure))
    found.sort(key=lambda leak: -leak.score)
    return tuple(found[:MOST_LEAKS])


def _goals(target: NDArray[np.generic], task: str) -> Floats:
    """Return the quantity (1, n), or for each class that counts whether a row is of it (k, n)."""
    if task == catalogue.REGRESSION:
        return target.astype(np.float64)[np.newaxis]
    classes = np.unique(target)
    counted = classes[1:] if len(classes) == 2 else classes
    return np.array([target == label for label in counted], dtype=np.float64)


def _score(column: Column, values: NDArray[np.generic], goals: Floats, folds: Counts, measure: str) -> float:
    """Return how much of the target the column tells, by groups of its values or, of a number, by its own order."""
    numbers = values.astype(np.float64) if column.kind == "numeric" else None
    groups = _values(values) if numbers is None else _ranges(numbers)
    told = np.array([_out_of_fold(groups, goal, folds) for goal in goals])
    if measure == R2:
        (goal,) = goals
        explained = 1 - float(np.square(goal - told[0]).sum() / np.square(goal - goal.mean()).sum())
        return explained if numbers is None else max(explained, _squared_correlation(numbers, goal))
    areas = np.array([roc_auc_score(goal, one) for goal, one in zip(goals, told, strict=True)])
    if numbers is not None and not np.isnan(numbers).all():
        ranked = np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
        areas = np.maximum(areas, [abs(roc_auc_score(goal, ranked) - 0.5) + 0.5 for goal in goals])
    return float(np.average(areas, weights=goals.sum(axis=1)))


def _values(values: NDArray[np.generic]) -> Counts:
    """Return a number for each different text, and one for a missing one: (n,)."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values.tolist()], dtype=np.int64)


def _ranges(numbers: Floats) -> Counts:
    """Return a number for each of up to 50 ranges with as many rows, and one for missing values: (n,).

    A value that fills a range by itself, such as the 0 of a column that is mostly 0, shares it with no other.
    """
    missing = np.isnan(numbers)
    known = numbers if missing.all() else numbers[~missing]
    bins = min(max(len(numbers) // ROWS_PER_BIN, 2), MOST_BINS)
    edges, times = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)), return_counts=True)
    found: Counts = 2 * np.searchsorted(edges, numbers)
    found[np.isin(numbers, edges[times > 1])] += 1
    found[missing] = 2 * len(edges) + 2
    return found


def _out_of_fold(groups: Counts, goal: Floats, folds: Counts) -> Floats:
    """Return for each row the mean goal of its group in the other folds; where the group is not there, that of all."""
    told = np.empty(len(goal))
    size = int(groups.max()) + 1
    for fold in range(FOLDS):
        inside = folds == fold
        counts = np.bincount(groups[~inside], minlength=size)
        sums = np.bincount(groups[~inside], weights=goal[~inside], minlength=size)
        means = np.divide(sums, counts, out=np.full(size, goal.mean()), where=counts > 0)
        told[inside] = means[groups[inside]]
    return told


def _squared_correlation(numbers: Floats, goal: Floats) -> float:
    """Return r squared where both are known: a copy of the target in another unit is told exactly so."""
    known = ~np.isnan(numbers)
    if np.count_nonzero(known) < ROWS_PER_BIN or np.ptp(numbers[known]) == 0 or np.ptp(goal[known]) == 0:
        return 0.0
    return float(np.corrcoef(numbers[known], goal[known])[0, 1] ** 2 * known.mean())
