"""Serve one model inside SageMaker's scikit-learn container, where nothing else of this project exists.

The container calls `model_fn` once for each worker and `transform_fn` for each request. Its own decoders answer a
single CSV row with status 500 and unpickle `application/x-npy` bodies, so requests are decoded here, strictly: CSV
without a header (RFC 4180) or JSON as [[...]], {"instances": [[...]]} or [{column: value}]. An empty CSV field and a
JSON null are missing values, accepted only in columns that lacked values in training. A client's mistake is answered
with 4xx and one line of JSON; 5xx remain for faults of the model, because they can roll a deployment back.
"""

import csv
import io
import json
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MODEL_FILE, METADATA_FILE = "model.pkl", "metadata.json"
CSV, JSON = "text/csv", "application/json"
MAX_BODY, MAX_ROWS = 6 * 1024 * 1024, 10_000
LARGEST_NUMBER = float(np.finfo(np.float32).max)
"""scikit-learn's trees compute in float32 and raise on anything larger."""

CONTENT_TYPE = re.compile(r'(text/csv|application/json) *(?:; *charset="?(?i:utf-8)"? *)?')
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NUMBERS_ONLY = re.compile(r"[0-9+\-.eE,\r\n ]+")
"""With these characters alone float() accepts no nan, inf, hexadecimal, underscore or foreign digit."""


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


class Model(NamedTuple):
    """A fitted classifier of raw records, the columns that it expects, and its classes in the order it scores them."""

    estimator: Any
    columns: tuple[Column, ...]
    classes: tuple[Any, ...]
    all_numeric: bool


def model_fn(model_dir: str) -> Model:
    """Load the model that lies in `model_dir`. Called by the container."""
    directory = Path(model_dir)
    metadata = json.loads((directory / METADATA_FILE).read_text("utf-8"))
    return load((directory / MODEL_FILE).read_bytes(), metadata)


def load(pickled: bytes, metadata: Mapping[str, Any]) -> Model:
    """Return the model in `pickled` with the columns and classes that `metadata` names."""
    columns = tuple(Column(c["name"], c["kind"] == "numeric", c["missing"]) for c in metadata["columns"])
    return Model(
        estimator=pickle.loads(pickled),
        columns=columns,
        classes=tuple(metadata["classes"]),
        all_numeric=all(column.numeric for column in columns),
    )


def transform_fn(model: Model, data: str | bytes, content_type: str, accept: str) -> Any:
    """Answer one request. Called by the container, which takes (body, type) for a 200 and else a response object."""
    status, body, mimetype = answer(model, data, content_type, accept)
    if status == 200:
        return body, mimetype
    from werkzeug.wrappers import Response  # only the container has it, not the build that imports this module

    return Response(body, status=status, mimetype=mimetype)


def answer(model: Model, data: str | bytes, content_type: str, accept: str) -> tuple[int, str, str]:
    """Return status, body and type of the answer to one request."""
    try:
        encode = _encoder(accept)
        rows = _rows(model, data, content_type)
    except Refusal as refusal:
        return refusal.status, json.dumps({"error": str(refusal)}), JSON
    probabilities = model.estimator.predict_proba(rows)
    labels = [model.classes[index] for index in probabilities.argmax(axis=1).tolist()]
    scores = probabilities[:, 1] if len(model.classes) == 2 else probabilities
    return 200, *encode(labels, scores.tolist())


def _encoder(accept: str) -> Callable[[list[Any], list[Any]], tuple[str, str]]:
    for wanted in (accept or "*/*").split(","):
        kind = wanted.partition(";")[0].strip()
        if kind in (JSON, "application/*", "*/*"):
            return _to_json
        if kind in (CSV, "text/*"):
            return _to_csv
    raise Refusal(406, f"the answer can be {JSON} or {CSV}")


def _to_json(labels: list[Any], scores: list[Any]) -> tuple[str, str]:
    pairs = zip(labels, scores, strict=True)
    return json.dumps({"predictions": [{"label": label, "probability": score} for label, score in pairs]}), JSON


def _to_csv(labels: list[Any], scores: list[Any]) -> tuple[str, str]:
    text = io.StringIO()
    pairs = zip(labels, scores, strict=True)
    csv.writer(text, lineterminator="\n").writerows(
        [label, *score] if isinstance(score, list) else [label, score] for label, score in pairs
    )
    return text.getvalue(), CSV


def _rows(model: Model, data: str | bytes, content_type: str) -> NDArray[Any]:
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


def _csv_rows(model: Model, text: str) -> NDArray[Any]:
    if model.all_numeric and NUMBERS_ONLY.fullmatch(text):
        commas, lines = len(model.columns) - 1, text.splitlines()
        _limit(len(lines))
        same_width = all(line.count(",") == commas for line in lines)
        if same_width and (numbers := _numbers(",".join(lines).split(","))) is not None:
            return numbers.reshape(len(lines), -1)
    try:
        fields = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Refusal(400, f"not valid CSV: {error}") from error
    _limit(len(fields))
    if fields[0] == [column.name for column in model.columns]:
        raise Refusal(400, "row 1 is a header; send the rows alone")
    return _assemble(model, fields, _csv_value)


def _json_rows(model: Model, text: str) -> NDArray[Any]:
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


def _numbers(values: Sequence[Any]) -> NDArray[np.float64] | None:
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


def _in_order(model: Model, number: int, row: object) -> list[Any]:
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


def _assemble(model: Model, rows: Sequence[Sequence[Any]], read: Callable[[Any, bool], Any]) -> NDArray[Any]:
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
