"""Evaluation documents for the report: one of each task with every part, and the least that there can be."""

import json
from collections.abc import Mapping
from typing import Any

from ml import gate

HOSTILE = "<script>alert(1)</script>\"'&$x^2$"
"""A column may be called anything."""

FACTS = {"use_case": "churn", "commit": "0123abc", "scikit-learn": "1.9.0"}


def entries(**values: float) -> dict[str, Any]:
    return {name: {"value": value, "standard_deviation": 0.01} for name, value in values.items()}


def around(**values: float) -> dict[str, Any]:
    return {name: {"lower": value - 0.02, "upper": value + 0.02} for name, value in values.items()}


def champion(**differences: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "model_package_arn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/3",
        "version": 3,
        "archive_sha256": "d" * 64,
        "scored": True,
        "reason": "",
        "metrics": dict.fromkeys(differences, 0.9),
        "confidence": 0.95,
        "differences": {
            name: {"value": value, "lower": lower, "upper": upper}
            for name, (value, lower, upper) in differences.items()
        },
    }


def common(name: str = "months") -> dict[str, Any]:
    columns = [
        {"column": name, "mean": 0.2, "lower": 0.1, "upper": 0.3, "noise": False},
        {"column": "city", "mean": 0.0, "lower": -0.1, "upper": 0.1, "noise": True},
    ]
    return {
        "importance": {"metric": "log_loss", "repeats": 5, "columns": columns},
        "slices": [
            {"column": name, "value": "1 to 9", "rows": 60, "metrics": {"accuracy": 0.8}, "gaps": {"accuracy": -0.13}}
        ],
        "data": {
            "source": name,
            "sha256": "c" * 64,
            "rows": 4000,
            "held_out_rows": 1000,
            "target": {"column": name, "classes": {name: 3000, "yes": 1000}},
            "columns": [{"name": name, "kind": "numeric", "missing": 7, "distinct": 59}],
            "notes": [f"column {name} is a row index and is left out"],
            "leaks": [{"column": name, "score": 0.997, "measure": "auc"}],
            "warnings": [f"column {name} looks like numbers and is taken as text"],
        },
    }


def classification(name: str = "months") -> dict[str, Any]:
    values = {"accuracy": 0.93, "auc": 0.97, "log_loss": 0.21}
    curve = {"false_positive_rates": [0.0, 0.1, 1.0], "true_positive_rates": [0.0, 0.9, 1.0]}
    return {
        "dataset": {"item_count": 1000},
        "task": "classification",
        "binary_classification_metrics": {
            **entries(**values),
            "confusion_matrix": {name: {name: 700, "yes": 50}, "yes": {name: 20, "yes": 230}},
            "receiver_operating_characteristic_curve": curve,
            "precision_recall_curve": {"precisions": [0.25, 0.9, 1.0], "recalls": [1.0, 0.8, 0.0]},
        },
        "intervals": {"confidence": 0.95, "method": "BCa bootstrap", "resamples": 4000, "metrics": around(**values)},
        "baseline": {"strategy": "the shares", "metrics": {"accuracy": 0.75, "auc": 0.5, "average_precision": 0.25}},
        "champion": champion(accuracy=(0.03, 0.01, 0.05), log_loss=(0.05, 0.02, 0.08), auc=(0.0, -0.01, 0.01)),
        "calibration": [
            {"predicted": 0.1, "observed": 0.12, "rows": 600},
            {"predicted": 0.9, "observed": 1, "rows": 9},
        ],
        **common(name),
    }


def regression(name: str = "hours") -> dict[str, Any]:
    values = {"rmse": 31.0, "r2": 0.8}
    more = common(name)
    more["data"]["target"] = {"column": name, "quantiles": {"min": 0.5, "median": 190.0, "max": 499.0}}
    return {
        "dataset": {"item_count": 750},
        "task": "regression",
        "regression_metrics": entries(**values),
        "intervals": {"confidence": 0.9, "method": "BCa bootstrap", "resamples": 4000, "metrics": around(**values)},
        "baseline": {"strategy": "the mean", "metrics": {"rmse": 109.0, "r2": 0.0}},
        "champion": None,
        "residuals": {"predicted": [10.0, 200.0, 41_000.0], "actual": [12.0, 190.0, 40_000.0]},
        **more,
    }


def clustering(name: str = "spend") -> dict[str, Any]:
    more = common(name)
    more["data"]["target"] = None
    del more["importance"]
    return {
        "dataset": {"item_count": 750},
        "task": "clustering",
        "clustering_metrics": {**entries(silhouette=0.5, stability=0.9), "sizes": {"0": 400, "1": 350}},
        "intervals": {"confidence": 0.95, "method": "BCa", "resamples": 4000, "metrics": around(silhouette=0.5)},
        "baseline": {"strategy": "none", "metrics": {}},
        "champion": {**champion(), "scored": False, "reason": f"it has no column {name}"},
        **more,
    }


def without_plots(task: str) -> dict[str, Any]:
    """Drawing takes most of the time."""
    content = EVERY[task]()
    group = next(value for key, value in content.items() if key.endswith("_metrics"))
    for holder in (content, group):
        for key in ("calibration", "residuals", *CURVES):
            holder.pop(key, None)
    return content


def least() -> dict[str, Any]:
    return {"binary_classification_metrics": {"accuracy": {"value": "NaN"}}}


EVERY = {"classification": classification, "regression": regression, "clustering": clustering}
CURVES = ("receiver_operating_characteristic_curve", "precision_recall_curve")
THRESHOLDS: Mapping[str, dict[str, object]] = {
    "classification": {"accuracy": 0.85, "log_loss": 0.2},
    "regression": {"rmse": 40.0, "r2": 0.79},
    "clustering": {"silhouette": 0.35, "stability": 0.95},
}


def written(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()


def judged(document: bytes, thresholds: Mapping[str, object]) -> gate.Verdict:
    return gate.judge_document(document, thresholds, gate.POINT_RULE)
