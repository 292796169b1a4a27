"""Decide whether a model may go live. No AWS, no I/O; whatever cannot be judged does not pass."""

import dataclasses
import json
from collections.abc import Mapping

from ml import catalogue, champion_gate, contract
from ml.errors import RoadError
from ml.judgement import (
    LONGEST_SUMMARY,
    POINT_RULE,
    Line,
    Rule,
    Verdict,
    interval_ends,
    is_finite,
    one_line,
)

__all__ = [
    "BINARY",
    "CLUSTERING",
    "LONGEST_SUMMARY",
    "METRIC_GROUPS",
    "MULTICLASS",
    "POINT_RULE",
    "REGRESSION",
    "WEIGHTED",
    "EvidenceError",
    "Line",
    "Rule",
    "Verdict",
    "is_finite",
    "judge",
    "judge_document",
    "metrics",
    "one_line",
]

BINARY, MULTICLASS = "binary_classification_metrics", "multiclass_classification_metrics"
REGRESSION, CLUSTERING = "regression_metrics", "clustering_metrics"
METRIC_GROUPS = (BINARY, MULTICLASS, REGRESSION, CLUSTERING)
"""Where SageMaker's model quality schema keeps metrics; it lacks clustering, whose name is ours."""

WEIGHTED = "weighted_"
"""That schema's prefix for multiclass metrics that are averaged by class size."""


class EvidenceError(RoadError):
    """The evidence about a model is absent, unreadable or not what was registered: the model cannot be approved."""


def judge_document(document: bytes, thresholds: Mapping[str, object], rule: Rule) -> Verdict:
    """Judge an evaluation document by `rule`. Raises EvidenceError when it cannot be read at all.

    By bound a metric without an interval, or with one of another confidence, does not pass. With a champion margin
    every metric that has a threshold is also held against the champion's; where nothing serves yet there is none.
    """
    values, content = metrics(document), json.loads(document)
    if rule.basis == contract.POINT:
        lines = judge(values, thresholds).lines
    else:
        ends = interval_ends(content.get("intervals"), "metrics", rule)
        lines = tuple(_bound_line(name, values, limit, ends) for name, limit in thresholds.items())
    # Without a threshold nothing vouches for the model, and no champion may do so.
    if rule.champion_margin is not None and thresholds:
        lines += champion_gate.lines(content, values, list(thresholds), rule)
    return Verdict(lines=lines)


def _bound_line(name: str, values: Mapping[str, object], limit: object, ends: Mapping[str, object]) -> Line:
    """Judge the worse end of a metric's interval; what the point itself cannot pass needs no interval to fail."""
    point = _line(name, values, limit)
    if not point.passed:
        return point
    side = "lower" if point.higher_is_better else "upper"
    interval = ends.get(name)
    end = interval.get(side) if isinstance(interval, dict) else None
    if not is_finite(end):
        reason = f"{name} has no interval of the gate's confidence, and is judged by its {side} end"
        return dataclasses.replace(point, passed=False, reason=reason)
    line = _line(name, {name: end}, limit)
    shown = f"{float(point.value):.4g}" if is_finite(point.value) else str(point.value)
    said = f"{line.reason} (the {side} end of its interval; measured {shown})"
    return dataclasses.replace(line, value=end, reason=said)


def judge(metrics: Mapping[str, object], thresholds: Mapping[str, object]) -> Verdict:
    """Hold every threshold against its metric: at least the limit, or at most for metrics where less is better."""
    return Verdict(lines=tuple(_line(name, metrics, limit) for name, limit in thresholds.items()))


def _line(name: str, metrics: Mapping[str, object], limit: object) -> Line:
    value, metric = metrics.get(name), catalogue.METRICS.get(name)
    passed, reason = False, ""
    if metric is None:
        reason = f"{name} is not a metric that can be judged"
    elif not is_finite(limit):
        reason = f"the limit of {name} is {limit!r}, not a finite number"
    elif name not in metrics:
        reason = f"{name} is missing from the evaluation"
    elif not is_finite(value):
        reason = f"{name} is {value!r}, not a finite number"
    elif not metric.low <= float(value) <= metric.high:
        reason = f"{name} {value} is outside {metric.low:g} to {metric.high:g}"
    else:
        passed, reason = _compare(name, float(value), float(limit), higher_is_better=metric.higher_is_better)
    return Line(
        metric=name,
        value=value,
        limit=limit,
        higher_is_better=metric.higher_is_better if metric else None,
        passed=passed,
        reason=reason,
    )


def _compare(name: str, value: float, limit: float, *, higher_is_better: bool) -> tuple[bool, str]:
    passed = value >= limit if higher_is_better else value <= limit
    words = ("at least", "below") if higher_is_better else ("at most", "above")
    shown, against = f"{value:.4g}", f"{limit:.4g}"
    if shown == against:
        shown, against = repr(value), repr(limit)
    return passed, f"{name} {shown} is {words[0] if passed else words[1]} {against}"


def metrics(document: bytes) -> dict[str, object]:
    """Return metric name -> value, as found, from an evaluation in SageMaker's model quality schema.

    Raises EvidenceError when the document is not JSON or holds no metrics, or two sets of them.
    """
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise EvidenceError("the evaluation is not a JSON document. Train the model again") from error
    found = [content[group] for group in METRIC_GROUPS if group in content] if isinstance(content, dict) else []
    if len(found) != 1 or not isinstance(found[0], dict):
        raise EvidenceError(f"the evaluation must hold one of {', '.join(METRIC_GROUPS)}. Train the model again")
    return {
        name.removeprefix(WEIGHTED): entry["value"]
        for name, entry in found[0].items()
        if isinstance(entry, dict) and "value" in entry
    }
