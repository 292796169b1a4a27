"""The recipe that everybody writes: unpickle, all processors, CSV into numpy, predict_proba.

CSV is read as the container's own decoder reads it, without its fault of making one row one-dimensional.
"""

import csv
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np


def model_fn(model_dir: str) -> Any:
    """Load the model."""
    model = pickle.loads((Path(model_dir) / "model.pkl").read_bytes())
    for step in getattr(model, "named_steps", {"model": model}).values():
        if "n_jobs" in step.get_params():
            step.set_params(n_jobs=-1)
    return model


def input_fn(data: str, content_type: str) -> np.ndarray:
    """Decode CSV or JSON."""
    rows = list(csv.reader(io.StringIO(data))) if content_type == "text/csv" else json.loads(data)
    try:
        return np.array(rows).astype(float)
    except ValueError:
        return _records(rows)


def predict_fn(rows: np.ndarray, model: Any) -> np.ndarray:
    """Return probabilities, or what a model without them predicts."""
    predicted: np.ndarray = model.predict_proba(rows) if hasattr(model, "classes_") else model.predict(rows)
    return predicted


def output_fn(prediction: np.ndarray, accept: str) -> tuple[str, str]:
    """Encode as JSON."""
    return json.dumps(prediction.tolist()), "application/json"


def _records(rows: list[list[Any]]) -> np.ndarray:
    """Text stays, numbers become floats, and what is empty is missing."""
    columns = [[value if value not in ("", None) else None for value in column] for column in zip(*rows, strict=True)]
    read = np.empty((len(rows), len(columns)), dtype=object)
    for index, column in enumerate(columns):
        try:
            read[:, index] = np.array(column, dtype=float)
        except ValueError:
            read[:, index] = column
    return read
