"""Where a model is better or worse than overall: the same metrics on parts of the held-out rows, column by column.

A part is a value of a text column or of a number with few values, a quarter of any other number's range, or the rows
that lack the column's value. Small parts differ by chance: a gap is a place to look, not a proof.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.weighted_metrics import Floats
from ml.gate import one_line
from ml.table import Column

LEAST_ROWS = 30
"""Of a slice: the share of fewer rows says nothing."""

MOST_SLICES = 40
RANGES = 4
FEW_VALUES = 10
"""A number with at most as many different values is taken value by value."""

LONGEST_NAME, LONGEST_VALUE = 100, 60
MISSING = "missing"

Masks = NDArray[np.bool_]
Measure = Callable[[Masks], Mapping[str, float]]
"""Rows, true for those in the slice -> metric and value; the first metric is the one that slices are ordered by. What
the rows cannot tell, such as the recall where nothing is positive, is left out."""


def by_column(columns: Sequence[Column], rows: NDArray[Any], measure: Measure) -> list[dict[str, Any]]:
    """Return the slices of `rows` (m, p) with at least 30 rows and less than all; the largest gap first, at most 40."""
    everything = np.ones(len(rows), dtype=np.bool_)
    overall = measure(everything)
    first = next(iter(overall))
    found = []
    for index, column in enumerate(columns):
        for value, mask in _parts(column, rows[:, index]):
            count = int(np.count_nonzero(mask))
            if not LEAST_ROWS <= count < len(rows):
                continue
            metrics = measure(mask)
            gaps = {metric: number - overall[metric] for metric, number in metrics.items() if metric in overall}
            name = one_line(column.name, LONGEST_NAME)
            part = {"column": name, "value": value, "rows": count, "metrics": metrics, "gaps": gaps}
            found.append((abs(gaps[first]), part))
    found.sort(key=lambda gap_and_part: -gap_and_part[0])
    return [part for _, part in found[:MOST_SLICES]]


def _parts(column: Column, values: NDArray[Any]) -> Iterator[tuple[str, Masks]]:
    """Yield the value or range, as text, and its rows (m,)."""
    if column.kind == "categorical":
        missing = np.array([value is None for value in values], dtype=np.bool_)
        counts = Counter(value for value in values if value is not None)
        for value in sorted(value for value, count in counts.items() if count >= LEAST_ROWS):
            yield one_line(value, LONGEST_VALUE), values == value
    else:
        numbers = values.astype(np.float64)
        missing = np.isnan(numbers)
        yield from _ranges(numbers, missing)
    if missing.any():
        yield MISSING, missing


def _ranges(numbers: Floats, missing: Masks) -> Iterator[tuple[str, Masks]]:
    known = numbers[~missing]
    different = np.unique(known)
    if len(different) <= FEW_VALUES:
        yield from zip(_texts(different), (numbers == value for value in different), strict=True)
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, RANGES + 1)))
    texts = _texts(edges)
    for index, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
        above = numbers >= low if index == 0 else numbers > low
        words = "" if index == 0 else "above "
        yield f"{words}{texts[index]} to {texts[index + 1]}", above & (numbers <= high)


def _texts(edges: Floats) -> list[str]:
    """Return numbers with as few digits as tell them apart."""
    for digits in (3, 4, 6, 9):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(texts):
            return texts
    return [repr(edge) for edge in edges.tolist()]
