"""Measure a model on rows that it has not seen, in the JSON schema of SageMaker's model quality reports."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ml import contract, gate
from ml.errors import RoadError
from ml.evaluation import classification, clustering, regression
from ml.evaluation.intervals import METHOD, Intervals


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A fitted model, the rows (n, p) that it was fitted on, and rows (m, p) with targets (m,) that it has not seen."""

    task: str
    model: Any
    fit_rows: NDArray[Any]
    rows: NDArray[Any]
    target: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one task finds out: the metrics under the contract's names, and what SageMaker's schema adds to them."""

    group: str
    prefix: Mapping[str, str]
    """Metric -> what the schema puts before its name."""
    values: Mapping[str, float]
    intervals: Intervals
    baseline: Mapping[str, Any]
    more: Mapping[str, Any]


def evaluate(examination: Examination, *, confidence: float = 0.95, search: Mapping[str, Any] | None = None) -> bytes:
    """Return the evaluation document: metrics, their intervals, and what the best constant answer would reach.

    `confidence`, between 0 and 1, is that of each interval as a whole. `search` is what was tried before the model was
    fitted (ml.search.Found.document), None without a search. The same examination gives the same bytes.
    """
    measure = {
        contract.CLASSIFICATION: _classified,
        contract.REGRESSION: _regressed,
        contract.CLUSTERING: _clustered,
    }[examination.task]
    measured = measure(examination, confidence)
    found = measured.intervals.metrics
    content: dict[str, Any] = {
        measured.prefix.get(name, "") + name: _entry(value, found[name].deviation if name in found else math.nan)
        for name, value in measured.values.items()
    }
    ends = {name: {"lower": _number(one.lower), "upper": _number(one.upper)} for name, one in found.items()}
    document = {
        "dataset": {"item_count": len(examination.rows)},
        "task": examination.task,
        measured.group: {**content, **measured.more},
        "intervals": {
            "confidence": confidence,
            "method": METHOD,
            "resamples": measured.intervals.resamples,
            "metrics": ends,
        },
        "baseline": {
            "strategy": measured.baseline["strategy"],
            "metrics": {name: _number(value) for name, value in measured.baseline["metrics"].items()},
        },
    }
    if search is not None:
        document["search"] = search
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False).encode()


def reportable(document: bytes) -> dict[str, float]:
    """Return the metrics of the document's task. Raises RoadError when one of them is missing or not finite."""
    found = gate.metrics(document)
    wanted = contract.TASK_METRICS[json.loads(document)["task"]]
    values = {name: float(value) for name in wanted if gate.is_finite(value := found.get(name))}
    unusable = set(wanted) - values.keys()
    if unusable:
        raise RoadError(
            f"no finite value for {', '.join(sorted(unusable))}; nothing was registered. Check the held-out rows"
        )
    return values


def _classified(examined: Examination, confidence: float) -> Measured:
    answers = examined.model.predict_proba(examined.rows)
    classes = examined.model.classes_
    binary = len(classes) == 2
    weighted = {} if binary else dict.fromkeys(("precision", "recall", "f1"), gate.WEIGHTED)
    return Measured(
        group=gate.BINARY if binary else gate.MULTICLASS,
        prefix=weighted,
        values=classification.metrics(classes, examined.target, answers),
        intervals=classification.intervals(classes, examined.target, answers, confidence),
        baseline=classification.baseline(classes, examined.target),
        more={"confusion_matrix": classification.confusion(classes, examined.target, answers)},
    )


def _regressed(examined: Examination, confidence: float) -> Measured:
    answers = examined.model.predict(examined.rows)
    return Measured(
        group=gate.REGRESSION,
        prefix={},
        values=regression.metrics(examined.target, answers),
        intervals=regression.intervals(examined.target, answers, confidence),
        baseline=regression.baseline(examined.target),
        more={},
    )


def _clustered(examined: Examination, confidence: float) -> Measured:
    return Measured(
        group=gate.CLUSTERING,
        prefix={},
        values=clustering.metrics(examined.model, examined.fit_rows, examined.rows),
        intervals=clustering.intervals(examined.model, examined.rows, confidence),
        # One cluster for everything has no silhouette: there is no constant answer to compare with.
        baseline={"strategy": "none", "metrics": {}},
        more={"sizes": clustering.sizes(examined.model, examined.rows)},
    )


def _entry(value: float, deviation: float) -> dict[str, Any]:
    return {"value": _number(value), "standard_deviation": _number(deviation)}


def _number(value: float) -> float | str:
    """JSON has no NaN: SageMaker's own reports write it as text, as they do for a deviation that was not estimated."""
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else str(value)
