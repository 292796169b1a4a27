"""What the answers rest on, and where they are worse: importance of columns, and slices of the rows."""

from collections.abc import Mapping
from typing import Any

from ml.report.evidence import Evidence, ends, items, mapping
from ml.report.markup import Markup, element, join
from ml.report.parts import details, quiet, section, table, wide
from ml.report.strip import Mark, Scale, strip
from ml.report.words import label, number, shown, signed

SHOWN = 12
"""Columns and slices that are listed at once; the rest is a click away."""


def importance(evidence: Evidence) -> Markup | None:
    """Return how much the model loses without each column."""
    found = mapping(evidence.content.get("importance"))
    columns = items(found.get("columns"))
    if not columns:
        return None
    scale = Scale.over([0.0, *(number(one.get(key)) for one in columns for key in ("mean", "lower", "upper"))])
    rows = [_column(one, scale) for one in columns]
    said = (
        f"How much worse {label(str(found.get('metric')))} gets when a column is shuffled: the mean of"
        f" {found.get('repeats')} times, with its interval. Hollow: not told from chance."
    )
    head = ("Column", "Loss, interval", "")
    return section(
        "importance", "What the model uses", element("p", quiet(said)), _folded(head, rows, "columns", class_="bars")
    )


def _column(one: Mapping[str, Any], scale: Scale) -> tuple[object, ...]:
    noise, interval, mean = one.get("noise") is True, ends(one), number(one.get("mean"))
    drawn = strip(Mark(value=mean, interval=interval, against=0.0), scale, tone="noise" if noise else "")
    span = f"{signed(interval.lower)} to {signed(interval.upper)}" if interval else "–"
    said = [element("strong", signed(one.get("mean"))), " by chance" if noise else None, element("br"), quiet(span)]
    return one.get("column"), said, drawn


def slices(evidence: Evidence) -> Markup | None:
    """Return how the metrics of parts of the rows differ from those of all rows."""
    found = evidence.items("slices")
    if not found:
        return None
    names = list(dict.fromkeys(name for one in found for name in mapping(one.get("metrics"))))
    head = ["Slice", "Rows", *map(label, names)]
    rows = [[_slice(one), shown(one.get("rows")), *_gaps(one, names)] for one in found]
    said = "Largest gap first. Each metric on the slice alone, and how far that is from all rows."
    content = wide("Slices", _folded(head, rows, "slices", class_="numbers"))
    return section("slices", "Where it is better or worse", element("p", quiet(said)), content)


def _slice(one: Mapping[str, Any]) -> str:
    return f"{one.get('column')} = {one.get('value')}"


def _gaps(one: Mapping[str, Any], names: list[str]) -> list[object]:
    values, gaps = mapping(one.get("metrics")), mapping(one.get("gaps"))
    return [[shown(values[name]), quiet(" ", signed(gaps.get(name)))] if name in values else "–" for name in names]


def _folded(head: Any, rows: list[Any], what: str, *, class_: str) -> Markup:
    """Return a table of the first rows, and the others behind a click."""
    first = table(head, rows[:SHOWN], class_=class_)
    rest = rows[SHOWN:]
    return join(first, details(f"{len(rest)} more {what}", table(head, rest, class_=class_)) if rest else None)
