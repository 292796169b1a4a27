"""Decode the rows of one request, strictly: every fault of a client becomes a refusal that names row and column.

Travels into the serving container beside `inference.py`. CSV without a header (RFC 4180) or JSON as [[...]],
{"instances": [[...]]} or [{column: value}]. An empty CSV field and a JSON null are missing values, accepted only in
columns that lacked values in training.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # the image has it; without it answers are the same
    pa = None

CSV, JSON = "text/csv", "application/json"
MAX_BODY, MAX_ROWS = 6 * 1024 * 1024, 10_000
LARGEST_NUMBER = float(np.finfo(np.float32).max)
"""scikit-learn's trees compute in float32 and raise on anything larger."""

CONTENT_TYPE = re.compile(r'(text/csv|application/json) *(?:; *charset="?(?i:utf-8)"? *)?')
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NUMBERS_ONLY = re.compile(r"[0-9+\-.eE,\r\n ]+")
"""With these characters alone float() accepts no nan, inf, hexadecimal, underscore or foreign digit."""

MANY_NUMBERS = 256
"""From here on Arrow, which has a start of its own, reads texts faster than Python does."""


class Refusal(Exception):
    """The request cannot be answered; `status` says whose rule it breaks."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Column(NamedTuple):
    """One column of a record. Only where `missing` is true may its value be left out."""

    name: str
    numeric: bool
    missing: bool


class Expected(Protocol):
    """What must be known of a model to read its records."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a record, in order."""

    @property
    def all_numeric(self) -> bool:
        """Whether no column holds text."""


def decode(model: Expected, data: str | bytes, content_type: str) -> NDArray[Any]:
    """Return the records of one request: float64 (n, p), or object (n, p) where the model has text columns."""
    kind = CONTENT_TYPE.fullmatch(content_type or "")
    if not kind:
        raise Refusal(415, f"the request can be {CSV} or {JSON}, in UTF-8")
    if len(data) > MAX_BODY:
        raise Refusal(413, f"the request is longer than {MAX_BODY} bytes")
    text = _text(data)
    return _csv_rows(model, text) if kind[1] == CSV else _json_rows(model, text)


def _text(data: str | bytes) -> str:
    # The container has decoded plain content types just so: what is not UTF-8 is a replacement character now.
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    if not text.strip():
        raise Refusal(400, "the request is empty")
    if text[0] == "\ufeff" or "\0" in text or "\ufffd" in text:
        raise Refusal(400, "the request is not UTF-8, or holds a byte order mark or NUL")
    return text


def _csv_rows(model: Expected, text: str) -> NDArray[Any]:
    if model.all_numeric and NUMBERS_ONLY.fullmatch(text):
        lines = text.splitlines()
        _limit(len(lines))
        if (numbers := _csv_numbers(lines, len(model.columns))) is not None:
            return numbers
    try:
        fields = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Refusal(400, f"not valid CSV: {error}") from error
    _limit(len(fields))
    if fields[0] == [column.name for column in model.columns]:
        raise Refusal(400, "row 1 is a header; send the rows alone")
    return _assemble(model, fields, _csv_value)


def _json_rows(model: Expected, text: str) -> NDArray[Any]:
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "not valid JSON, or a key occurs twice") from error
    if isinstance(content, dict) and content.keys() == {"instances"}:
        content = content["instances"]
    if not isinstance(content, list) or not content:
        raise Refusal(400, 'expected [[...], ...], {"instances": [[...], ...]} or [{"column": value, ...}, ...]')
    _limit(len(content))
    records = [_in_order(model, number, row) for number, row in enumerate(content, 1)]
    width = len(model.columns)
    plain = model.all_numeric and all(len(row) == width and {*map(type, row)} <= {int, float} for row in records)
    if plain and (numbers := _numbers(records)) is not None:
        return numbers
    return _assemble(model, records, _json_value)


def _limit(rows: int) -> None:
    if rows > MAX_ROWS:
        raise Refusal(413, f"{rows} rows in one request; at most {MAX_ROWS} are answered")


def _csv_numbers(lines: list[str], width: int) -> NDArray[np.float64] | None:
    """Return what float() reads in each field, (n, width), or None when a line is of another width, or as `_numbers`.

    Arrow reads a number of 17 digits in a quarter of Python's time, and rounds it to the same bits. What it refuses
    (a leading plus, a space) Python may read.
    """
    if pa is not None and len(lines) * width >= MANY_NUMBERS:
        fields = pc.split_pattern(pa.array(lines, pa.string()), ",")
        if not np.all(np.diff(fields.offsets) == width):
            return None
        try:
            # A copy, because Arrow's own is not to be written to.
            numbers = _numbers(np.array(fields.values.cast(pa.float64())))
            return None if numbers is None else numbers.reshape(len(lines), width)
        except pa.ArrowInvalid:
            pass
    elif any(line.count(",") != width - 1 for line in lines):
        return None
    numbers = _numbers(",".join(lines).split(","))
    return None if numbers is None else numbers.reshape(len(lines), width)


def _numbers(values: Any) -> NDArray[np.float64] | None:
    """Return `values` as float64, or None when a single one is missing or out of range: then look at each."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except (ValueError, OverflowError):
        return None
    return numbers if np.all(np.abs(numbers) <= LARGEST_NUMBER) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key twice")
    return record


def _in_order(model: Expected, number: int, row: object) -> list[Any]:
    """Return the values of one JSON row in the order of the columns."""
    if isinstance(row, list):
        return row
    if not isinstance(row, dict):
        raise Refusal(400, f"row {number}: expected a list of values or an object of column and value")
    names = [column.name for column in model.columns]
    if wrong := sorted(row.keys() ^ set(names)):
        fault = "is unknown to the model" if wrong[0] in row else "is missing"
        raise Refusal(400, f"row {number}: column {wrong[0]!r} {fault}; it has {', '.join(names)}")
    return [row[name] for name in names]


def _assemble(model: Expected, rows: Sequence[Sequence[Any]], read: Callable[[Any, bool], Any]) -> NDArray[Any]:
    """Return checked records; `read` makes a float, a text or None (missing) of one value, or raises ValueError."""
    records = np.empty((len(rows), len(model.columns)), dtype=np.float64 if model.all_numeric else object)
    for number, row in enumerate(rows, 1):
        if len(row) != len(model.columns):
            raise Refusal(400, f"row {number}: {len(row)} values; the model has {len(model.columns)} columns")
        for index, (column, value) in enumerate(zip(model.columns, row, strict=True)):
            try:
                found = read(value, column.numeric)
                if column.numeric and found is not None and not abs(found) <= LARGEST_NUMBER:
                    raise ValueError(found)
            except (ValueError, OverflowError) as error:
                wanted = "a finite number in float32's range" if column.numeric else "text"
                raise Refusal(400, f"row {number}: column {column.name!r} must be {wanted}") from error
            if found is None and not column.missing:
                raise Refusal(400, f"row {number}: column {column.name!r} must not be empty")
            records[number - 1, index] = np.nan if found is None and column.numeric else found
    return records


def _csv_value(field: str, numeric: bool) -> Any:
    stripped = field.strip(" ")
    if not stripped or not numeric:
        return field if stripped else None
    if not NUMBER.fullmatch(stripped):
        raise ValueError(field)
    return float(stripped)


def _json_value(value: object, numeric: bool) -> Any:
    if value is None:
        return None
    if numeric and type(value) in (int, float):  # a bool is an int to Python, not to a client
        return float(value)  # type: ignore[arg-type]
    if not numeric and isinstance(value, str):
        return value if value.strip(" ") else None
    raise ValueError(value)
