"""What a person should look at before deciding, found in the document; the gate does not judge it."""

from collections.abc import Iterator, Mapping
from typing import Any

from ml import contract, gate
from ml.report.answer import standing
from ml.report.evidence import Evidence, mapping
from ml.report.markup import Markup, element
from ml.report.parts import section
from ml.report.words import count, label, number, shown, signed


def remarks(evidence: Evidence, verdict: gate.Verdict) -> Markup:
    """Return the remarks, or that there are none."""
    found = [*_leaks(evidence), *_close(evidence, verdict), *_worse(evidence), *_idle(evidence), *_slice(evidence)]
    listed = element("ul", [element("li", one) for one in found]) if found else element("p", "Nothing stands out.")
    return section("remarks", "Look at this first" if found else "Remarks", listed)


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


def _close(evidence: Evidence, verdict: gate.Verdict) -> Iterator[str]:
    for line in verdict.lines:
        against, interval = number(line.limit), evidence.interval(line.metric)
        if not line.passed or against is None or interval is None:
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
            more = point > constant if contract.METRICS[name].higher_is_better else point < constant
            names += [] if more else [f"{label(name)} (a constant answer reaches {shown(constant)})"]
    if names:
        yield f"No better than a constant answer: {', '.join(names)}."


def _slice(evidence: Evidence) -> Iterator[str]:
    for found in evidence.items("slices")[:1]:
        gaps = {name: gap for name, value in mapping(found.get("gaps")).items() if (gap := number(value)) is not None}
        if gaps:
            name = max(gaps, key=lambda one: abs(gaps[one]))
            rows = count(int(number(found.get("rows")) or 0), "row")
            yield (
                f"The slice that differs most is {found.get('column')} = {found.get('value')} ({rows}):"
                f" {label(name)} {signed(gaps[name])} against all rows."
            )
