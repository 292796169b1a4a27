"""Decide whether a model may go live. No AWS, no I/O; whatever cannot be judged does not pass."""

import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from ml import contract
from ml.errors import InputError, RoadError

LONGEST_SUMMARY = 1000
BINARY, MULTICLASS = "binary_classification_metrics", "multiclass_classification_metrics"
REGRESSION, CLUSTERING = "regression_metrics", "clustering_metrics"
METRIC_GROUPS = (BINARY, MULTICLASS, REGRESSION, CLUSTERING)
"""Where SageMaker's model quality schema keeps metrics; it lacks clustering, whose name is ours."""

WEIGHTED = "weighted_"
"""That schema's prefix for multiclass metrics that are averaged by class size."""


class EvidenceError(RoadError):
    """The evidence about a model is absent, unreadable or not what was registered: the model cannot be approved."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The judgement of one metric. `value` and `limit` are as found, and need not be numbers."""

    metric: str
    value: object
    limit: object
    higher_is_better: bool | None
    """None for a metric that nobody knows."""
    passed: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All lines of one judgement, in the order of the thresholds."""

    lines: tuple[Line, ...]

    @property
    def approved(self) -> bool:
        """Whether there is at least one line and every line passed."""
        return bool(self.lines) and all(line.passed for line in self.lines)

    @property
    def decision(self) -> str:
        """The registry's word for it."""
        return contract.APPROVED if self.approved else contract.REJECTED

    @property
    def summary(self) -> str:
        """The decision with its reasons: one line of at most 1000 characters."""
        reasons = [line.reason for line in self.lines if line.passed == self.approved]
        text = "; ".join(reasons) or "no threshold is set, so nothing vouches for the model"
        return one_line(f"{self.decision}: {text}", LONGEST_SUMMARY)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How metrics are judged: by their measured value (basis point) or by the worse end of their interval (bound).

    `confidence` is that of the whole interval, between 0 and 1: the truth is worse than that end with half of the rest.
    """

    basis: str
    confidence: float

    @classmethod
    def read(cls, text: str) -> "Rule":
        """Return the rule in the JSON text of a GATE variable. Raises InputError for one that nobody can judge by.

        A rule that this code does not know must not be overlooked: nothing would then be held to it.
        """
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("basis") not in (contract.POINT, contract.BOUND):
            raise InputError(f"{contract.GATE} names no basis to judge by. Deploy the program again")
        confidence = content.get("confidence")
        if not is_finite(confidence) or not 0 < confidence < 1:
            raise InputError(f"{contract.GATE} has the confidence {confidence!r}. Set gate.confidence, deploy again")
        if content.get("championMargin") is not None:
            raise InputError(f"{contract.GATE} asks for a champion. Set gate.championMargin to null, deploy again")
        return cls(basis=content["basis"], confidence=float(confidence))


POINT_RULE = Rule(basis=contract.POINT, confidence=0.95)


def judge_document(document: bytes, thresholds: Mapping[str, object], rule: Rule) -> Verdict:
    """Judge an evaluation document by `rule`. Raises EvidenceError when it cannot be read at all.

    By bound a metric without an interval, or with one of another confidence, does not pass.
    """
    values = metrics(document)
    if rule.basis == contract.POINT:
        return judge(values, thresholds)
    found = json.loads(document).get("intervals")
    measured = found if isinstance(found, dict) and found.get("confidence") == rule.confidence else {}
    found = measured.get("metrics")
    ends = found if isinstance(found, dict) else {}
    return Verdict(lines=tuple(_bound_line(name, values, limit, ends) for name, limit in thresholds.items()))


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
    value, metric = metrics.get(name), contract.METRICS.get(name)
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


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether `value` is a number that can be compared: no truth value, NaN, infinity or endless integer."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


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


def one_line(text: str, longest: int) -> str:
    """Return `text` without control characters, with single blanks, and cut to `longest` characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(printable.split())
    return words if len(words) <= longest else words[: longest - 3] + "..."
