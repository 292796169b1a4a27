"""Read training data into one kind of table: typed columns, rows and a target to predict.

A column is numeric when every value in it is a number; anything else is kept as the text that the file holds, so that
a record taken from the file can later be sent to the endpoint unchanged. An empty field is a missing value; among
numbers NA, NaN and null are too, while in text, a target's classes included, they are values (ml.spelling warns).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml import catalogue, table_file
from ml.errors import InputError

MAX_CLASSES = 30
"""A target with more values than this is a quantity or an identifier, not a class."""

MIN_ROWS_PER_CLASS = 8
"""With a quarter held out, two rows of the rarest class are left to measure."""

MIN_ROWS = 40
"""With a quarter held out, ten are left to measure a regression or a clustering."""

LARGEST_NUMBER = float(np.finfo(np.float32).max)
"""scikit-learn's trees compute in float32 and refuse anything larger."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a record, as the model is trained on it and as requests must send it."""

    name: str
    kind: Literal["numeric", "categorical"]
    missing: bool
    """Whether training rows lack it; only then may a request leave it empty."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Records with what is to be learnt about them.

    `rows` has one row for each record: float64 (n, p) with NaN for a missing value when every column is numeric, else
    object (n, p) of float (NaN when missing) and str (None when missing). `target` has n elements: labels, int64 or
    text, for classification; float64 for regression; zeros for clustering, whose `target_column` is empty.
    """

    columns: tuple[Column, ...]
    rows: NDArray[Any]
    target: NDArray[Any]
    target_column: str
    source: str
    sha256: str
    """Of the bytes that were read."""
    notes: tuple[str, ...]
    """What was left out and why, one sentence each."""
    task: str = catalogue.CLASSIFICATION


def read_table(data: bytes, *, name: str, target: str, task: str = catalogue.CLASSIFICATION) -> Table:
    """Return the table in `data`, a CSV file with a header or a Parquet file, as the ending of `name` says.

    Rows without a target are left out and counted: they can neither teach nor test. Columns without any value and
    unnamed row indexes are left out as well. Raises InputError, one line, when no model can be trained on it.
    """
    if not data.strip():
        raise InputError(f"{name}: the file is empty. Give a table with a header and rows")
    raw = table_file.columns(data, name)
    if task != catalogue.CLUSTERING and target not in raw:
        listing = ", ".join(map(repr, raw))
        raise InputError(f"{name}: no column {target!r}; it has {listing}. Set training.target to one of them")
    converted = {label: _convert(column, f"{name}: column {label!r}") for label, column in raw.items()}
    values, usable = _target(converted, target, task, name)
    notes, features = [], {}
    if not usable.all():
        notes.append(f"{np.count_nonzero(~usable)} rows without a {target!r} are left out")
    for label, column in converted.items():
        if _is_row_index(label):
            notes.append(f"column {label!r} is a row index and is left out")
        elif _missing(column[usable]).all():
            notes.append(f"column {label!r} has no values and is left out")
        else:
            features[label] = column[usable]
    if not features:
        raise InputError(f"{name}: no column beside {target!r} holds a value. Add the columns to predict from")
    return Table(
        columns=tuple(_describe(label, column) for label, column in features.items()),
        rows=_rows(features),
        target=values,
        target_column=target if task != catalogue.CLUSTERING else "",
        source=name,
        sha256=hashlib.sha256(data).hexdigest(),
        notes=tuple(notes),
        task=task,
    )


def _target(
    converted: dict[str, NDArray[Any]], target: str, task: str, name: str
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Take the target out of the columns; return its values, and which rows have one (n,)."""
    if task == catalogue.CLUSTERING:
        rows = len(next(iter(converted.values())))
        if rows < MIN_ROWS:
            raise InputError(f"{name}: {rows} rows; at least {MIN_ROWS} are needed to hold some out for the test")
        return np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.bool_)
    column = converted.pop(target)
    read = _quantities if task == catalogue.REGRESSION else _labels
    return read(column, f"{name}: target column {target!r}")


def _convert(column: pa.ChunkedArray, where: str) -> NDArray[Any]:
    """Return float64 (n,) for numbers and truth values, else object (n,) of str and None."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    try:
        if pa.types.is_boolean(kind):
            return _numbers(column.cast(pa.int8()), where)
        if number or pa.types.is_null(kind):
            return _numbers(column, where)
        texts = column.cast(pa.string()).to_pylist()
    except pa.ArrowException as error:
        raise InputError(f"{where} holds {kind}, neither numbers nor text. Remove or convert it") from error
    return np.array([None if text is None or not text.strip(" ") else text for text in texts], dtype=object)


def _numbers(column: pa.ChunkedArray, where: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    if np.any(np.abs(values) > LARGEST_NUMBER):
        raise InputError(f"{where} holds an infinite or too large number. Leave such fields empty")
    return values


def _missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = (
        np.isnan(column) if column.dtype != object else np.array([value is None for value in column])
    )
    return missing


def _is_row_index(label: str) -> bool:
    return label == "" or label.startswith("__index_level_")


def _describe(label: str, column: NDArray[Any]) -> Column:
    kind: Literal["numeric", "categorical"] = "categorical" if column.dtype == object else "numeric"
    return Column(name=label, kind=kind, missing=bool(_missing(column).any()))


def _rows(features: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    columns = list(features.values())
    mixed = any(column.dtype == object for column in columns)
    rows = np.empty((len(columns[0]), len(columns)), dtype=object if mixed else np.float64)
    for index, column in enumerate(columns):
        rows[:, index] = column
    return rows


def _labels(column: NDArray[Any], where: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the labels, int64 or text, and which rows have one (n,)."""
    labelled = ~_missing(column)
    values = column[labelled]
    if values.size == 0:
        raise InputError(f"{where} is empty in every row. Name the column that holds the labels")
    numeric = values.dtype != object
    labels = values if numeric else values.astype(str)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) > MAX_CLASSES or (numeric and not np.equal(np.mod(classes, 1), 0).all()):
        kind = "a quantity, not classes" if numeric else "free text, not classes"
        raise InputError(f"{where} has {len(classes)} different values: {kind}. Group them into classes first")
    if numeric:
        labels, classes = labels.astype(np.int64), classes.astype(np.int64)
    if len(classes) == 1:
        raise InputError(f"{where} is always {classes.tolist()[0]!r}. A classifier needs at least two classes")
    if counts.min() < MIN_ROWS_PER_CLASS:
        rarest = classes.tolist()[int(counts.argmin())]
        raise InputError(
            f"{where} is {rarest!r} in {counts.min()} rows only; {MIN_ROWS_PER_CLASS} of each class are needed to hold"
            " some out for the test. Add rows or merge classes"
        )
    return labels, labelled


def _quantities(column: NDArray[Any], where: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the quantities, float64, and which rows have one (n,)."""
    known = ~_missing(column)
    values = column[known]
    if values.dtype == object:
        raise InputError(f"{where} holds text, not a quantity. Name the column that holds the number to predict")
    if len(values) < MIN_ROWS:
        raise InputError(f"{where} has {len(values)} values; at least {MIN_ROWS} are needed. Add rows")
    if values.min() == values.max():
        raise InputError(f"{where} is always {values.min():g}: there is nothing to predict")
    return values, known
