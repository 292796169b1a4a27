"""What a person should look at before deciding, found in the document; the gate does not judge it."""

from collections.abc import Iterator, Mapping
from typing import Any

from ml import catalogue, gate
from ml.report.answer import standing
from ml.report.evidence import Evidence, mapping
from ml.report.markup import Markup, element
from ml.report.parts import section
from ml.report.words import count, label, number, shown, signed


def remarks(evidence: Evidence, verdict: gate.Verdict) -> Markup:
    """Return the remarks, or that there are none."""
    found = [
        *_leaks(evidence),
        *_warnings(evidence),
        *_close(evidence, verdict),
        *_worse(evidence),
        *_idle(evidence),
        *_slice(evidence, verdict),
    ]
    listed = element("ul", [element("li", one) for one in found]) if found else element("p", "Nothing stands out.")
    return section("remarks", "Worth a look", listed)


def _leaks(evidence: Evidence) -> Iterator[str]:
    for leak in leaks(evidence):
        measure = {"auc": "AUC", "r2": "R²"}.get(str(leak.get("measure")), str(leak.get("measure")))
        yield (
            f"Column {leak.get('column')!r} alone predicts the target ({measure} {shown(leak.get('score'))}): it may"
            " hold what is known only afterwards."
        )


def leaks(evidence: Evidence) -> list[Mapping[str, Any]]:
    """Return the columns that tell the target too well."""
    found = mapping(evidence.content.get("data")).get("leaks")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _warnings(evidence: Evidence) -> Iterator[str]:
    found = mapping(evidence.content.get("data")).get("warnings")
    yield from (f"Data: {one}." for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _close(evidence: Evidence, verdict: gate.Verdict) -> Iterator[str]:
    for line in verdict.lines:
        against, interval = number(line.limit), evidence.interval(line.metric)
        if line.about_champion or not line.passed or against is None or interval is None:
            continue
        if line.higher_is_better and interval.lower < against:
            yield f"{label(line.metric)} holds, but its interval reaches below the limit, to {shown(interval.lower)}."
        if line.higher_is_better is False and interval.upper > against:
            yield f"{label(line.metric)} holds, but its interval reaches above the limit, to {shown(interval.upper)}."


def _worse(evidence: Evidence) -> Iterator[str]:
    names = [name for name in evidence.values if standing(evidence, name)[0] == "fail"]
    if names:
        yield f"Worse than the live version, beyond chance: {', '.join(map(label, names))}."


def _idle(evidence: Evidence) -> Iterator[str]:
    names = []
    for name, value in evidence.values.items():
        point, constant = number(value), number(evidence.baseline.get(name))
        if point is not None and constant is not None:
            more = point > constant if catalogue.METRICS[name].higher_is_better else point < constant
            names += [] if more else [f"{label(name)} (a constant answer reaches {shown(constant)})"]
    if names:
        yield f"No better than a constant answer: {', '.join(names)}."


def _slice(evidence: Evidence, verdict: gate.Verdict) -> Iterator[str]:
    """Yield the slice that is worst by the first metric that was judged and that slices are measured by."""
    slices = evidence.items("slices")
    measured = [name for one in slices for name in mapping(one.get("gaps")) if name in catalogue.METRICS]
    judged = [line.metric for line in verdict.lines if line.metric in measured]
    for name in (judged or measured)[:1]:
        sign = 1 if catalogue.METRICS[name].higher_is_better else -1
        gaps = [(sign * gap, one) for one in slices if (gap := number(mapping(one.get("gaps")).get(name))) is not None]
        gap, worst = min(gaps, key=lambda pair: pair[0], default=(0.0, {}))
        if gap < 0:
            rows = count(int(number(worst.get("rows")) or 0), "row")
            yield (
                f"Weakest slice by {label(name)}: {worst.get('column')} = {worst.get('value')} ({rows}),"
                f" {shown(mapping(worst.get('metrics')).get(name))}, {signed(sign * gap)} against all rows."
            )
