"""Where the model comes from: its data, and what it was made of."""

from collections.abc import Mapping
from typing import Any

from ml.report.evidence import Evidence, items, mapping
from ml.report.markup import Markup, element, join
from ml.report.parts import details, section, table, wide
from ml.report.remarks import leaks
from ml.report.strip import bar
from ml.report.words import FACTS, count, number, percent, shown


def data(evidence: Evidence) -> Markup | None:
    """Return what the rows are, and what is odd about them."""
    found = mapping(evidence.content.get("data"))
    if not found:
        return None
    notes = [element("li", str(note)) for note in found.get("notes") or []]
    rows, held_out = shown(found.get("rows")), shown(found.get("held_out_rows"))
    said = f"{rows} rows of {found.get('source')}, {held_out} of them held out."
    return section(
        "data",
        "Data",
        element("p", said),
        element("ul", notes) if notes else None,
        _leaks(evidence),
        _target(mapping(found.get("target"))),
        _columns(items(found.get("columns"))),
    )


def _leaks(evidence: Evidence) -> Markup | None:
    if "leaks" not in mapping(evidence.content.get("data")):
        return None
    found = leaks(evidence)
    if not found:
        return element("p", "No column tells the target suspiciously well.")
    rows = [(one.get("column"), str(one.get("measure")), shown(one.get("score"))) for one in found]
    heading = element("h3", "Columns that may leak the target")
    return join(heading, table(("Column", "Measure", "Score"), rows, class_="numbers small"))


def _target(target: Mapping[str, Any]) -> Markup | None:
    classes = {name: number(rows) or 0 for name, rows in mapping(target.get("classes")).items()}
    quantiles = mapping(target.get("quantiles"))
    if not classes and not quantiles:
        return None
    heading = element("h3", f"Target {target.get('column')}")
    if quantiles:
        rows = [(name, shown(value)) for name, value in quantiles.items()]
        return join(heading, table(("Quantile", "Value"), rows, class_="numbers small"))
    every, most = sum(classes.values()) or 1, max(classes.values()) or 1
    shares = [(name, f"{rows:,.0f}", percent(rows / every), bar(rows / most)) for name, rows in classes.items()]
    return join(heading, table(("Class", "Rows", "Share", ""), shares, class_="bars small"))


def _columns(columns: list[Mapping[str, Any]]) -> Markup | None:
    if not columns:
        return None
    rows = [
        (one.get("name"), str(one.get("kind")), shown(one.get("missing")), shown(one.get("distinct")))
        for one in columns
    ]
    listed = table(("Column", "Kind", "Missing", "Distinct"), rows, class_="numbers")
    return details(count(len(columns), "column"), wide("Columns", listed))


def provenance(facts: Mapping[str, str]) -> Markup | None:
    """Return the facts that lead from this page to the commit, the data and the archive."""
    if not facts:
        return None
    listed = [[element("dt", FACTS.get(key, key)), element("dd", value)] for key, value in facts.items()]
    return section("provenance", "Provenance", element("dl", *listed, class_="facts"))
