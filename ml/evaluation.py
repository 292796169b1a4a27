"""Measure a classifier on rows that it has not seen, in the JSON schema of SageMaker's model quality reports."""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from ml import contract, gate
from ml.errors import RoadError


def evaluate(model: Any, rows: NDArray[Any], target: NDArray[Any]) -> bytes:
    """Return the evaluation document of `model` on `rows` (m, p) with labels `target` (m,).

    Of two classes, in sorted order, the second is the positive one. With more, precision, recall, F1 and AUC are
    averaged by class size, AUC compares each class with the rest, and the Brier score is halved into [0, 1].
    """
    probabilities = model.predict_proba(rows)
    actual, predicted = np.searchsorted(model.classes_, target), probabilities.argmax(axis=1)
    binary = len(model.classes_) == 2
    group, weighted = (gate.METRIC_GROUPS[0], "") if binary else (gate.METRIC_GROUPS[1], gate.WEIGHTED)
    scores = probabilities[:, 1] if binary else probabilities
    labels = list(range(len(model.classes_)))
    precision, recall, f1, _ = precision_recall_fscore_support(
        actual, predicted, average="binary" if binary else "weighted", zero_division=0.0
    )
    values = {
        "accuracy": np.mean(predicted == actual),
        f"{weighted}precision": precision,
        f"{weighted}recall": recall,
        f"{weighted}f1": f1,
        "auc": roc_auc_score(actual, scores, multi_class="ovr", average="weighted", labels=None if binary else labels),
        "log_loss": log_loss(actual, probabilities, labels=labels),
        "brier": brier_score_loss(actual, scores, labels=labels, scale_by_half=True),
    }
    names = [str(name) for name in model.classes_.tolist()]
    counts = confusion_matrix(actual, predicted, labels=labels).tolist()
    content: dict[str, Any] = {name: _entry(float(value)) for name, value in values.items()}
    content["confusion_matrix"] = {
        name: dict(zip(names, row, strict=True)) for name, row in zip(names, counts, strict=True)
    }
    document = {"dataset": {"item_count": len(target)}, group: content}
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False).encode()


def reportable(document: bytes) -> dict[str, float]:
    """Return the contract's metrics from `document`. Raises RoadError when one of them is missing or not finite."""
    found = gate.metrics(document)
    values = {name: float(value) for name in contract.METRICS if gate.is_finite(value := found.get(name))}
    unusable = contract.METRICS.keys() - values.keys()
    if unusable:
        raise RoadError(
            f"no finite value for {', '.join(sorted(unusable))}; nothing was registered. Check the held-out rows"
        )
    return values


def _entry(value: float) -> dict[str, Any]:
    """JSON has no NaN: SageMaker's own reports write it as text, as they do for a deviation that was not estimated."""
    return {"value": value if math.isfinite(value) else str(value), "standard_deviation": "NaN"}
