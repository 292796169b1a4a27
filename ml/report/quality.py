"""How good the model is: every metric, what it mixes up, and the clusters it makes."""

from ml.report.answer import standing
from ml.report.curves import curves
from ml.report.evidence import Evidence, mapping
from ml.report.markup import Markup, element
from ml.report.parts import details, quiet, section, table, wide
from ml.report.strip import bar
from ml.report.words import METRICS, count, label, number, percent, shown, signed


def metrics(evidence: Evidence) -> Markup:
    """Return every metric with its interval, beside the best constant answer and the live version."""
    compared = bool(evidence.champion.get("differences"))
    constant = ["Constant answer"] if evidence.baseline else []
    head = ["Metric", "Value", "Interval", *constant, *(["Live", "Difference"] if compared else [])]
    rows = [_metric(evidence, name, compared=compared) for name in evidence.values]
    strategy = mapping(evidence.content.get("baseline")).get("strategy")
    said = [
        f"Intervals: {percent(evidence.confidence)}, {_method(evidence)}. " if evidence.confidence else "",
        f"Constant answer: {strategy}." if strategy and evidence.baseline else "",
    ]
    meanings = [[element("dt", label(name)), element("dd", METRICS[name][1])] for name in evidence.values]
    return section(
        "metrics",
        "Metrics",
        wide("Metrics", table(head, rows, class_="numbers")),
        element("p", quiet(*said)) if any(said) else None,
        details("What the metrics mean", element("dl", *meanings)),
    )


def _method(evidence: Evidence) -> str:
    found = mapping(evidence.content.get("intervals"))
    return f"{found.get('method')}, {found.get('resamples')} resamples"


def _metric(evidence: Evidence, name: str, *, compared: bool) -> list[object]:
    interval = evidence.interval(name)
    row: list[object] = [
        label(name),
        element("strong", shown(evidence.values[name])),
        f"{shown(interval.lower)} to {shown(interval.upper)}" if interval else "–",
    ]
    if evidence.baseline:
        row.append(shown(evidence.baseline[name]) if name in evidence.baseline else "–")
    if compared:
        tone, word = standing(evidence, name)
        found = mapping(evidence.champion.get("metrics"))
        difference = [
            signed(evidence.difference(name).get("value")),
            " ",
            element("span", word, class_=f"result {tone}"),
        ]
        row += [shown(found[name]) if name in found else "–", difference if evidence.difference(name) else "–"]
    return row


def answers(evidence: Evidence) -> Markup | None:
    """Return what the model answers: confusion, curves, errors, clusters; None where the document has none of it."""
    parts = [_confusion(evidence), _clusters(evidence), *curves(evidence)]
    found = [part for part in parts if part is not None]
    return section("answers", "Answers", element("div", *found, class_="plots")) if found else None


def _confusion(evidence: Evidence) -> Markup | None:
    matrix = {true: mapping(row) for true, row in mapping(evidence.group.get("confusion_matrix")).items()}
    if not matrix:
        return None
    rows = []
    for true, row in matrix.items():
        every = sum(number(found) or 0 for found in row.values())
        cells = [_cell(number(row.get(other)) or 0, every, right=other == true) for other in matrix]
        rows.append(element("tr", element("th", true, scope="row"), cells))
    head = element(
        "tr", element("th", "true ↓ answered →", scope="col"), [element("th", x, scope="col") for x in matrix]
    )
    said = "Rows by true and answered class; percentages are of the true class. Outlined: right answers."
    drawn = element("table", element("thead", head), element("tbody", rows), class_="confusion")
    caption = element("figcaption", element("h3", "Confusion"), element("p", said))
    return element("figure", caption, wide("Confusion", drawn) if len(matrix) > 3 else drawn)


def _cell(found: float, every: float, *, right: bool) -> Markup:
    share = found / every if every else 0.0
    content = [element("strong", f"{found:,.0f}"), element("br"), quiet(percent(share))]
    return element("td", *content, class_="right" if right else None, style=f"--share:{share:.3f}")


def _clusters(evidence: Evidence) -> Markup | None:
    sizes = {name: number(size) or 0 for name, size in mapping(evidence.group.get("sizes")).items()}
    if not sizes:
        return None
    every, most = sum(sizes.values()) or 1, max(sizes.values()) or 1
    rows = [
        (name, f"{size:,.0f}", percent(size / every), bar(size / most))
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])
    ]
    said = f"{count(len(sizes), 'cluster')}; held-out rows in each."
    caption = element("figcaption", element("h3", "Cluster sizes"), element("p", said))
    return element("figure", caption, table(("Cluster", "Rows", "Share", ""), rows, class_="bars small"))
