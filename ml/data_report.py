"""Write down what a model was trained on, for whoever approves it: where from, how much, of what kind, what is odd."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import catalogue
from ml.gate import one_line
from ml.leakage import Leak
from ml.table import Column, Table

MOST_COLUMNS = 500
MOST_NOTES = 100
LONGEST_NAME, LONGEST_NOTE = 100, 300


def describe(
    table: Table, *, held_out_rows: int, measured_rows: int, leaks: Sequence[Leak], warnings: Sequence[str]
) -> dict[str, Any]:
    """Return the evaluation document's account of the data. Of more than 500 columns the first are listed.

    `warnings` are sentences about the table that a person should read beside those about leaks. Of the rows that were
    held out, a model need not be measured on all.
    """
    notes = list(table.notes[:MOST_NOTES])
    if len(table.columns) > MOST_COLUMNS:
        notes.append(f"{len(table.columns)} columns, of which the first {MOST_COLUMNS} are listed")
    if measured_rows < held_out_rows:
        notes.append(f"the model is measured on {measured_rows} of the held-out rows, always the same ones")
    return {
        "source": table.source,
        "sha256": table.sha256,
        "rows": len(table.rows),
        "held_out_rows": held_out_rows,
        "target": _target(table),
        "columns": [_column(column, table.rows[:, i]) for i, column in enumerate(table.columns[:MOST_COLUMNS])],
        "notes": [one_line(note, LONGEST_NOTE) for note in notes],
        "warnings": [one_line(warning, LONGEST_NOTE) for warning in warnings[:MOST_NOTES]],
        "leaks": [asdict(leak) | {"column": one_line(leak.column, LONGEST_NAME)} for leak in leaks],
    }


def _target(table: Table) -> dict[str, Any] | None:
    if table.task == catalogue.CLUSTERING:
        return None
    if table.task == catalogue.REGRESSION:
        low, middle, high = np.quantile(table.target, (0, 0.5, 1)).tolist()
        return {"column": table.target_column, "quantiles": {"min": low, "median": middle, "max": high}}
    classes = Counter(table.target.tolist())
    return {"column": table.target_column, "classes": {str(label): classes[label] for label in sorted(classes)}}


def _column(column: Column, values: NDArray[Any]) -> dict[str, Any]:
    if column.kind == "numeric":
        numbers = values.astype(np.float64)
        missing = int(np.count_nonzero(np.isnan(numbers)))
        distinct = len(np.unique(numbers[~np.isnan(numbers)]))
    else:
        texts = [value for value in values if value is not None]
        missing, distinct = len(values) - len(texts), len(set(texts))
    name = one_line(column.name, LONGEST_NAME)
    return {"name": name, "kind": column.kind, "missing": missing, "distinct": distinct}
