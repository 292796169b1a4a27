"""What a classifier is measured by. Of two classes, in sorted order, the second is the positive one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
)

from ml import catalogue
from ml.evaluation import curves
from ml.evaluation.intervals import Interval, Intervals, bootstrap, paired
from ml.evaluation.slices import Masks, Measure
from ml.evaluation.weighted_metrics import CERTAIN, WeightedMetrics


def metrics(classes: NDArray[Any], target: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, float]:
    """Return the task's metrics for probabilities (m, k) of `classes` (k,) and true labels (m,).

    With more than two classes precision, recall, F1, AUC, average precision and recall at precision are averaged by
    class size, each class against the rest, and the Brier score is halved into [0, 1].
    """
    actual, predicted = np.searchsorted(classes, target), answers.argmax(axis=1)
    binary, labels = len(classes) == 2, list(range(len(classes)))
    scores = answers[:, 1] if binary else answers
    precision, recall, f1, _ = precision_recall_fscore_support(
        actual, predicted, average="binary" if binary else "weighted", zero_division=0.0
    )
    found = {
        "accuracy": np.mean(predicted == actual),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auc": roc_auc_score(actual, scores, multi_class="ovr", average="weighted", labels=None if binary else labels),
        "average_precision": _one_against_rest(actual, answers, average_precision_score),
        "recall_at_precision": _one_against_rest(actual, answers, _recall_at_precision),
        "log_loss": log_loss(actual, answers, labels=labels),
        "brier": brier_score_loss(actual, scores, labels=labels, scale_by_half=True),
    }
    return {name: float(value) for name, value in found.items()}


def intervals(
    classes: NDArray[Any], target: NDArray[Any], answers: NDArray[np.float64], confidence: float
) -> Intervals:
    """Return intervals of all metrics but average precision and recall at precision."""
    return bootstrap(WeightedMetrics(np.searchsorted(classes, target), [answers]), confidence=confidence)


def differences(
    classes: NDArray[Any], target: NDArray[Any], answers: Sequence[NDArray[np.float64]], confidence: float
) -> Mapping[str, Interval]:
    """Return the intervals of the first classifier's metrics less the second's, measured on the same rows."""
    return paired(WeightedMetrics(np.searchsorted(classes, target), answers), answers, confidence=confidence)


def confusion(classes: NDArray[Any], target: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, dict[str, int]]:
    """Return true label -> predicted label -> number of rows."""
    names = [str(name) for name in classes.tolist()]
    actual = np.searchsorted(classes, target)
    counts = confusion_matrix(actual, answers.argmax(axis=1), labels=list(range(len(names)))).tolist()
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, counts, strict=True)}


def drawn(classes: NDArray[Any], target: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, Any]:
    """Return the curves of a classifier of two classes, under the names of SageMaker's schema; none for more."""
    if len(classes) > 2:
        return {}
    positive, scores = target == classes[1], answers[:, 1]
    return {
        "receiver_operating_characteristic_curve": curves.receiver_operating_characteristic(positive, scores),
        "precision_recall_curve": curves.precision_recall(positive, scores),
    }


def calibration(classes: NDArray[Any], target: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, Any]:
    """Return how often the positive class came true by its probability; nothing for more than two classes."""
    if len(classes) > 2:
        return {}
    return {"calibration": curves.calibration(target == classes[1], answers[:, 1])}


def of_slices(classes: NDArray[Any], target: NDArray[Any], answers: NDArray[np.float64]) -> Measure:
    """Return what measures a part of the rows: accuracy and log loss, and of two classes precision and recall."""
    actual, predicted = np.searchsorted(classes, target), answers.argmax(axis=1)
    right = predicted == actual
    losses = -np.log(answers[np.arange(len(actual)), actual].clip(CERTAIN, 1 - CERTAIN))

    def _measure(mask: Masks) -> dict[str, float]:
        found = {"accuracy": float(right[mask].mean()), "log_loss": float(losses[mask].mean())}
        if len(classes) == 2:
            hits = right[mask]
            for name, counted in (("precision", predicted[mask] == 1), ("recall", actual[mask] == 1)):
                if counted.any():
                    found[name] = float(hits[counted].mean())
        return found

    return _measure


def baseline(classes: NDArray[Any], target: NDArray[Any]) -> dict[str, Any]:
    """Return what the shares of the classes, given as the answer to every row, would reach."""
    shares = np.array([np.mean(target == label) for label in classes])
    found = metrics(classes, target, np.tile(shares, (len(target), 1)))
    return {"strategy": "the shares of the classes, for every row", "metrics": found}


def _one_against_rest(actual: NDArray[Any], answers: NDArray[np.float64], measure: Any) -> float:
    """Measure the positive class, or each class against the rest, averaged by size."""
    if answers.shape[1] == 2:
        return float(measure(actual == 1, answers[:, 1]))
    found, sizes = [], []
    for index in range(answers.shape[1]):
        if size := int(np.count_nonzero(actual == index)):
            found.append(float(measure(actual == index, answers[:, index])))
            sizes.append(size)
    return float(np.average(found, weights=sizes))


def _recall_at_precision(actual: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Return the greatest recall with at least the catalogue's precision; 0 where no threshold reaches it."""
    precision, recall, _ = precision_recall_curve(actual, scores)
    return float(recall[precision >= catalogue.PRECISION_FLOOR].max(initial=0.0))
