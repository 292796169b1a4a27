"""Measure a model on rows that it has not seen, in the JSON schema of SageMaker's model quality reports."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from ml import catalogue, contract, gate
from ml.errors import RoadError
from ml.evaluation import classification, clustering, importance, regression, slices
from ml.evaluation.champion import Champion, compare
from ml.evaluation.intervals import METHOD, Intervals
from ml.evaluation.slices import Measure
from ml.evaluation.weighted_metrics import Floats
from ml.table import Table


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A fitted model, the rows (n, p) that it was fitted on, and rows (m, p) with targets (m,) that it has not seen.

    `table` is where the rows come from; without it nothing is said about its columns, nor about a champion.
    """

    task: str
    model: Any
    fit_rows: NDArray[Any]
    rows: NDArray[Any]
    target: NDArray[Any]
    table: Table | None = None

    @cached_property
    def silhouettes(self) -> Floats:
        """Of each row (m,) in the clusters of the model; found once, for their time grows with the square of m."""
        return clustering.silhouettes(self.model, self.rows)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one task finds out: the metrics under the catalogue's names, and what SageMaker's schema adds to them."""

    group: str
    prefix: Mapping[str, str]
    """Metric -> what the schema puts before its name."""
    values: Mapping[str, float]
    intervals: Intervals
    baseline: Mapping[str, Any]
    more: Mapping[str, Any]
    """Beside the metrics in the schema's group."""
    of_slices: Measure
    plotted: Mapping[str, Any]
    """At the top of the document, which is ours."""


def evaluate(
    examination: Examination,
    *,
    confidence: float = 0.95,
    data: Mapping[str, Any] | None = None,
    champion: Champion | None = None,
    search: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the evaluation document: metrics, their intervals, and what the best constant answer would reach.

    `confidence`, between 0 and 1, is that of each interval as a whole. `data` is the account of the table
    (ml.data_report), `champion` what serves now, None where nothing does, `search` what was tried before the model was
    fitted (ml.search.Found.document), None without a search. The same arguments give the same bytes.
    """
    measure = {
        catalogue.CLASSIFICATION: _classified,
        catalogue.REGRESSION: _regressed,
        catalogue.CLUSTERING: _clustered,
    }[examination.task]
    measured = measure(examination, confidence)
    document = {
        "dataset": {"item_count": len(examination.rows)},
        "task": examination.task,
        measured.group: {**_with_deviations(measured), **measured.more},
        "intervals": _intervals(measured.intervals),
        "baseline": measured.baseline,
        "champion": None,
        "data": data,
        **measured.plotted,
    }
    if search is not None:
        document["search"] = search
    if table := examination.table:
        document |= _by_column(examination, table, measured, confidence)
        if champion is not None:
            document["champion"] = compare(champion, table, examination, measured.values, confidence=confidence)
    return json.dumps(_writable(document), indent=2, sort_keys=True, allow_nan=False).encode()


def reportable(document: bytes) -> dict[str, float]:
    """Return the metrics of the document's task.

    Raises RoadError when one of them is missing or not finite, or the approval could not read the whole document.
    """
    if len(document) > contract.LARGEST_EVALUATION:
        raise RoadError(
            f"the evaluation is longer than {contract.LARGEST_EVALUATION} bytes; nothing was registered. Shorten the"
            " names of columns and classes"
        )
    found = gate.metrics(document)
    wanted = catalogue.TASK_METRICS[json.loads(document)["task"]]
    values = {name: float(value) for name in wanted if gate.is_finite(value := found.get(name))}
    unusable = set(wanted) - values.keys()
    if unusable:
        raise RoadError(
            f"no finite value for {', '.join(sorted(unusable))}; nothing was registered. Check the held-out rows"
        )
    return values


def _with_deviations(measured: Measured) -> dict[str, Any]:
    """Return each metric under the schema's name for it; the deviation is NaN where it was not estimated."""
    found = measured.intervals.metrics
    return {
        measured.prefix.get(name, "") + name: {
            "value": value,
            "standard_deviation": found[name].deviation if name in found else math.nan,
        }
        for name, value in measured.values.items()
    }


def _intervals(intervals: Intervals) -> dict[str, Any]:
    return {
        "confidence": intervals.confidence,
        "method": METHOD,
        "resamples": intervals.resamples,
        "metrics": {name: {"lower": one.lower, "upper": one.upper} for name, one in intervals.metrics.items()},
    }


def _by_column(examined: Examination, table: Table, measured: Measured, confidence: float) -> dict[str, Any]:
    """Return what is said column by column: importance, where the task has a loss, and slices."""
    found: dict[str, Any] = {"slices": slices.by_column(table.columns, examined.rows, measured.of_slices)}
    if loss := importance.LOSSES.get(examined.task):
        names = [column.name for column in table.columns]
        found["importance"] = importance.by_shuffling(
            loss, examined.model, examined.rows, examined.target, names=names, confidence=confidence
        )
    return found


def _classified(examined: Examination, confidence: float) -> Measured:
    answers = examined.model.predict_proba(examined.rows)
    classes = examined.model.classes_
    binary = len(classes) == 2
    weighted = {} if binary else dict.fromkeys(("precision", "recall", "f1"), gate.WEIGHTED)
    found = (classes, examined.target, answers)
    return Measured(
        group=gate.BINARY if binary else gate.MULTICLASS,
        prefix=weighted,
        values=classification.metrics(*found),
        intervals=classification.intervals(*found, confidence),
        baseline=classification.baseline(classes, examined.target),
        more={"confusion_matrix": classification.confusion(*found), **classification.drawn(*found)},
        of_slices=classification.of_slices(*found),
        plotted=classification.calibration(*found),
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
        of_slices=regression.of_slices(examined.target, answers),
        plotted={"residuals": regression.residuals(examined.target, answers)},
    )


def _clustered(examined: Examination, confidence: float) -> Measured:
    apart = examined.silhouettes
    return Measured(
        group=gate.CLUSTERING,
        prefix={},
        values=clustering.metrics(examined.model, examined.fit_rows, examined.rows, apart),
        intervals=clustering.intervals(apart, confidence),
        # One cluster for everything has no silhouette: there is no constant answer to compare with.
        baseline={"strategy": "none", "metrics": {}},
        more={"sizes": clustering.sizes(examined.model, examined.rows)},
        of_slices=clustering.of_slices(apart),
        plotted={},
    )


def _writable(content: Any) -> Any:
    """JSON has no NaN: SageMaker's own reports write it as text, as they do for a deviation that was not estimated."""
    if isinstance(content, Mapping):
        return {key: _writable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_writable(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return "NaN" if math.isnan(content) else str(content)
    return content
