"""Serve one model inside SageMaker's scikit-learn container, where nothing else of this project exists.

The container calls `model_fn` once for each worker and `transform_fn` for each request. Its own decoders answer a
single CSV row with status 500 and unpickle `application/x-npy` bodies, so requests are decoded here. A client's mistake
is answered with 4xx and one line of JSON; 5xx remain for faults of the model, because they can roll a deployment back.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

try:
    from ml import quick_model, request_rows, safe_pickle
except ImportError:  # in the container, where the modules lie side by side
    import quick_model  # type: ignore[import-not-found,no-redef]
    import request_rows  # type: ignore[import-not-found,no-redef]
    import safe_pickle  # type: ignore[import-not-found,no-redef]

Column, Refusal, CSV, JSON = request_rows.Column, request_rows.Refusal, request_rows.CSV, request_rows.JSON

MODEL_FILE, METADATA_FILE = "model.pkl", "metadata.json"
REGRESSION, CLUSTERING = "regression", "clustering"
"""Tasks that are answered otherwise than classification; the words of ml/catalogue.py."""


class Model(NamedTuple):
    """A fitted model of raw records, or what answers in its stead, and the columns that it expects.

    `classes` are a classifier's, in the order in which it scores them; empty for the other tasks.
    """

    estimator: Any
    columns: tuple[Any, ...]
    classes: tuple[Any, ...]
    all_numeric: bool
    task: str = "classification"


def model_fn(model_dir: str) -> Model:
    """Load the model that lies in `model_dir`. Called by the container."""
    directory = Path(model_dir)
    metadata = json.loads((directory / METADATA_FILE).read_text("utf-8"))
    return load((directory / MODEL_FILE).read_bytes(), metadata)


def load(pickled: bytes, metadata: Mapping[str, Any]) -> Model:
    """Return the model in `pickled` with the columns and classes that `metadata` names."""
    return described(quick_model.speed_up(safe_pickle.loads(pickled)), metadata)


def described(estimator: Any, metadata: Mapping[str, Any]) -> Model:
    """Return `estimator`, which answers rows, with the columns and classes that `metadata` names."""
    columns = tuple(Column(c["name"], c["kind"] == "numeric", c["missing"]) for c in metadata["columns"])
    return Model(
        estimator=estimator,
        columns=columns,
        classes=tuple(metadata["classes"]),
        all_numeric=all(column.numeric for column in columns),
        task=metadata.get("task", "classification"),
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
        rows = request_rows.decode(model, data, content_type)
    except Refusal as refusal:
        return refusal.status, json.dumps({"error": str(refusal)}), JSON
    return 200, *encode(_predictions(model, rows))


def _predictions(model: Model, rows: Any) -> list[dict[str, Any]]:
    """Return one prediction for each row: label and probability, a value, or the number of a cluster."""
    if model.task == REGRESSION:
        return [{"value": value} for value in model.estimator.predict(rows).tolist()]
    if model.task == CLUSTERING:
        return [{"cluster": cluster} for cluster in model.estimator.predict(rows).tolist()]
    probabilities = model.estimator.predict_proba(rows)
    labels = [model.classes[index] for index in probabilities.argmax(axis=1).tolist()]
    scores = (probabilities[:, 1] if len(model.classes) == 2 else probabilities).tolist()
    return [{"label": label, "probability": score} for label, score in zip(labels, scores, strict=True)]


def _encoder(accept: str) -> Callable[[list[dict[str, Any]]], tuple[str, str]]:
    for wanted in (accept or "*/*").split(","):
        kind = wanted.partition(";")[0].strip()
        if kind in (JSON, "application/*", "*/*"):
            return _to_json
        if kind in (CSV, "text/*"):
            return _to_csv
    raise Refusal(406, f"the answer can be {JSON} or {CSV}")


def _to_json(predictions: list[dict[str, Any]]) -> tuple[str, str]:
    return json.dumps({"predictions": predictions}), JSON


def _to_csv(predictions: list[dict[str, Any]]) -> tuple[str, str]:
    """A line for each row; several probabilities follow one another."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [field for value in prediction.values() for field in (value if isinstance(value, list) else [value])]
        for prediction in predictions
    )
    return text.getvalue(), CSV
