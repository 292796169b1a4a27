"""Hold a new model against the champion, the model that served when it was measured. No AWS, no I/O; fails closed."""

from collections.abc import Iterable, Mapping
from typing import Any

from ml import catalogue, contract
from ml.catalogue import Metric
from ml.judgement import Line, Rule, interval_ends, is_finite

CHAMPION = "champion"
"""Key of the comparison in the evaluation document, and the metric of a line that is about no metric in particular."""

ROUNDING = 1e-12
"""Of a difference between two metrics that were added up separately."""


def lines(
    document: Mapping[str, Any], values: Mapping[str, object], names: Iterable[str], rule: Rule
) -> tuple[Line, ...]:
    """Return a line for each of the metrics in `names`; one for all of them where there is nothing to compare.

    `values` are the new model's metrics. Where nothing served, that passes; a champion that could not be scored, and an
    evaluation that says nothing of one, do not.
    """
    champion = document.get(CHAMPION, "absent")
    if champion is None:
        return (_line(CHAMPION, reason="nothing served when the model was measured: no champion", passed=True),)
    if not isinstance(champion, dict):
        return (_line(CHAMPION, reason="the evaluation does not say how the champion does. Train the model again"),)
    if champion.get("scored") is not True:
        cause = champion.get("reason") or "no reason given"
        return (_line(CHAMPION, reason=f"the champion, {_version(champion)}, could not be compared: {cause}"),)
    return tuple(_against(name, values.get(name), champion, rule) for name in names)


def _against(name: str, own: object, champion: Mapping[str, Any], rule: Rule) -> Line:
    """Judge one metric by how far it is from the champion's."""
    metric, theirs = catalogue.METRICS.get(name), _entries(champion, "metrics").get(name)
    if metric is None or not is_finite(own) or not is_finite(theirs) or not metric.low <= theirs <= metric.high:
        return _line(name, reason=f"{name} {own!r} cannot be held against {theirs!r} of {_version(champion)}")
    far = _difference(name, metric, champion, rule) if rule.basis == contract.BOUND else own - theirs
    if not is_finite(far):
        reason = f"{name} has no interval of the gate's confidence for its difference to {_version(champion)}"
        return _line(name, reason=reason)
    margin = rule.champion_margin or 0.0
    worse = -far if metric.higher_is_better else far
    passed = _passes(worse, margin, rule.basis)
    verb = "is" if passed or rule.basis == contract.POINT else "may be"
    shown, against = _pair(own, theirs)
    source = _version(champion)
    if rule.basis == contract.BOUND:
        source += f"; the {_worse_end(metric)} end of the difference is {far:.4g}"
    return Line(
        metric=name,
        value=far,
        limit=-margin if metric.higher_is_better else margin,
        higher_is_better=metric.higher_is_better,
        passed=passed,
        reason=f"{name} {shown} {verb} {_words(worse, margin, passed=passed)} than the champion's {against} ({source})",
        about_champion=True,
    )


def _line(name: str, *, reason: str, passed: bool = False) -> Line:
    """Return a line without a difference."""
    return Line(
        metric=name,
        value=None,
        limit=None,
        higher_is_better=None,
        passed=passed,
        reason=reason,
        about_champion=True,
    )


def _difference(name: str, metric: Metric, champion: Mapping[str, Any], rule: Rule) -> object:
    """Return the worse end of the paired interval, as found."""
    interval = interval_ends(champion, "differences", rule).get(name)
    return interval.get(_worse_end(metric)) if isinstance(interval, dict) else None


def _worse_end(metric: Metric) -> str:
    return "lower" if metric.higher_is_better else "upper"


def _passes(worse: float, margin: float, basis: str) -> bool:
    """Return whether a metric that is worse by `worse`, a negative number where it is better, is within the margin."""
    if basis == contract.BOUND and margin == 0:
        # It asks for proof of being better, and an end without any difference is none.
        return worse < -ROUNDING
    return worse <= margin + ROUNDING


def _words(worse: float, margin: float, *, passed: bool) -> str:
    if margin == 0:
        return "no worse" if passed else "worse" if worse > ROUNDING else "no better"
    return f"{'no ' if passed else ''}more than {margin:g} worse"


def _pair(own: float, theirs: float) -> tuple[str, str]:
    """Return both numbers with as few digits as tell them apart."""
    shown, against = f"{own:.4g}", f"{theirs:.4g}"
    return (repr(own), repr(theirs)) if shown == against and own != theirs else (shown, against)


def _entries(champion: Mapping[str, Any], key: str) -> Mapping[str, object]:
    found = champion.get(key)
    return found if isinstance(found, dict) else {}


def _version(champion: Mapping[str, Any]) -> str:
    return f"version {champion.get('version')}"
