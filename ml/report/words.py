"""How the report says metrics, numbers and facts to a person."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from ml import catalogue, contract, gate

METRICS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "accuracy": ("Accuracy", "share of rows with the right answer"),
        "precision": ("Precision", "share of the rows called positive that are"),
        "recall": ("Recall", "share of the positive rows that are found"),
        "f1": ("F1", "harmonic mean of precision and recall"),
        "auc": ("AUC", "chance that a positive row is ranked above a negative one"),
        "average_precision": ("Average precision", "area under the precision-recall curve"),
        "recall_at_precision": (
            f"Recall at precision {catalogue.PRECISION_FLOOR:g}",
            f"greatest recall that keeps a precision of {catalogue.PRECISION_FLOOR:g}",
        ),
        "log_loss": ("Log loss", "how surprised the probabilities are by the truth"),
        "brier": ("Brier score", "mean squared error of the probabilities"),
        "rmse": ("RMSE", "root of the mean squared error, in the target's unit"),
        "mae": ("MAE", "mean absolute error, in the target's unit"),
        "r2": ("R²", "share of the target's variance that is explained"),
        "silhouette": ("Silhouette", "how much closer rows are to their own cluster than to the next"),
        "stability": ("Stability", "how alike the clusters are when other rows are fitted"),
    }
)
"""Metric -> its label and what it means."""

FACTS: Mapping[str, str] = MappingProxyType(
    {
        contract.METADATA_USE_CASE: "Use case",
        contract.METADATA_COMMIT: "Commit",
        contract.METADATA_EXECUTION: "Pipeline execution",
        contract.METADATA_DATA_SHA256: "Training data, SHA-256",
        contract.METADATA_MODEL_SHA256: "Model archive, SHA-256",
        contract.METADATA_EVALUATION_SHA256: "Evaluation, SHA-256",
    }
)
"""Key of a version's metadata -> its label. A fact with another key is labelled with the key itself."""

NOT_A_NUMBER = "not a number"


def label(metric: str) -> str:
    """Return the metric's label, or its name where nobody gave it one."""
    return METRICS[metric][0] if metric in METRICS else metric


def number(value: object) -> float | None:
    """Return `value` where it can be compared or drawn, else None."""
    return float(value) if gate.is_finite(value) else None


def shown(value: object) -> str:
    """Return `value` as it is read: four significant digits, or what stands in the place of a number."""
    found = number(value)
    if found is None:
        return NOT_A_NUMBER if isinstance(value, float | str) else "missing"
    return f"{found:,.0f}" if abs(found) >= 10_000 else f"{found:.4g}"


def signed(value: object) -> str:
    """Return a difference with its sign, in as many digits as `shown` gives."""
    found = number(value)
    if found is None:
        return shown(value)
    if found == 0:
        return "0"
    digits = max(0, 3 - max(-3, math.floor(math.log10(abs(found)))))
    text = f"{found:+.{min(digits, 4)}f}".replace("-", "−")
    return text if any(digit in "123456789" for digit in text) else "±0"


def limit(value: object, *, higher_is_better: bool | None) -> str:
    """Return what a limit asks for."""
    words = {True: "at least ", False: "at most ", None: ""}
    return words[higher_is_better] + shown(value)


def count(number: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """Return a share, between 0 and 1, as a percentage of at most three digits."""
    return f"{100 * share:.3g} %" if share < 0.9995 else "100 %"
