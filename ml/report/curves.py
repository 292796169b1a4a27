"""Plots of a model's answers: each with the sentence that it shows, and with its numbers as a table."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import NamedTuple

from ml.report.drawing import MODEL, OTHER, Drawing, drawing
from ml.report.evidence import Evidence, Interval, mapping, numbers
from ml.report.markup import Markup
from ml.report.parts import figure, table
from ml.report.words import number, shown, signed

TABLE_ROWS = 11
NORMAL_95 = 1.96
"""Standard deviations on either side of its mean within which 95 percent of a normal distribution lie."""


LONG_TICKS = 10_000


class Bin(NamedTuple):
    """Rows with similar probabilities: the mean of these, the share that is positive, and how many rows."""

    predicted: float
    observed: float
    rows: float


def curves(evidence: Evidence) -> list[Markup]:
    """Return a figure for each curve and scatter that the document has."""
    makers: Sequence[Callable[[Evidence], Markup | None]] = (_roc, _precision_recall, _calibration, _answers, _errors)
    return [made for make in makers if (made := make(evidence)) is not None]


def _roc(evidence: Evidence) -> Markup | None:
    curve = mapping(evidence.group.get("receiver_operating_characteristic_curve"))
    false, true = _pair(curve, "false_positive_rates", "true_positive_rates")
    if not false:
        return None
    said = f"AUC {shown(evidence.values.get('auc'))}; chance, the dashed line, has 0.5."
    with drawing("roc", f"ROC curve. {said}") as plot:
        plot.axes.plot([0, 1], [0, 1], color=OTHER, linewidth=1.2, linestyle="--")
        _curve(plot, false, true)
        plot.axes.set(xlabel="negative rows called positive", title="positive rows found")
    return figure("ROC", said, plot.svg, _points(("False positive rate", "True positive rate"), false, true))


def _precision_recall(evidence: Evidence) -> Markup | None:
    curve = mapping(evidence.group.get("precision_recall_curve"))
    recalls, precisions = _pair(curve, "recalls", "precisions")
    if not recalls:
        return None
    chance = number(evidence.baseline.get("average_precision"))
    against = "" if chance is None else f"; chance, the dashed line, has {shown(chance)}"
    said = f"Average precision {shown(evidence.values.get('average_precision'))}{against}."
    with drawing("precision-recall", f"Precision-recall curve. {said}") as plot:
        if chance is not None:
            plot.axes.axhline(chance, color=OTHER, linewidth=1.2, linestyle="--")
        _curve(plot, recalls, precisions)
        plot.axes.set(xlabel="recall", title="precision")
    return figure("Precision and recall", said, plot.svg, _points(("Recall", "Precision"), recalls, precisions))


def _calibration(evidence: Evidence) -> Markup | None:
    bins = [Bin(*found) for one in evidence.items("calibration") if (found := numbers([*map(one.get, Bin._fields)]))]
    if not bins:
        return None
    said = "On the dashed line a probability is as often right as it says. Whiskers: 95 % of chance."
    with drawing("calibration", f"Calibration in {len(bins)} groups of rows. {said}") as plot:
        plot.axes.plot([0, 1], [0, 1], color=OTHER, linewidth=1.2, linestyle="--")
        spans = [wilson(one.observed, one.rows) for one in bins]
        places = [one.predicted for one in bins]
        plot.axes.vlines(places, [one.lower for one in spans], [one.upper for one in spans], color=MODEL, linewidth=1.4)
        plot.axes.plot(places, [one.observed for one in bins], color=MODEL, marker="o", markersize=5, linewidth=1)
        plot.axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability", title="share positive")
    rows = [(shown(one.predicted), shown(one.observed), f"{one.rows:,.0f}") for one in bins]
    return figure("Calibration", said, plot.svg, table(("Predicted", "Observed", "Rows"), rows, class_="numbers"))


def _answers(evidence: Evidence) -> Markup | None:
    predicted, actual = _pair(mapping(evidence.content.get("residuals")), "predicted", "actual")
    if not predicted:
        return None
    said = f"{len(predicted)} of the held-out rows; on the dashed line the answer is right."
    with drawing("answers", f"Predicted against actual values. {said}") as plot:
        span = [min(*predicted, *actual), max(*predicted, *actual)]
        plot.axes.plot(span, span, color=OTHER, linewidth=1.2, linestyle="--")
        plot.axes.plot(predicted, actual, color=MODEL, marker="o", markersize=3.2, alpha=0.55, linestyle="")
        plot.axes.set(xlabel="predicted", title="actual")
        _short_ticks(plot)
    return figure("Predicted and actual", said, plot.svg, _points(("Predicted", "Actual"), predicted, actual))


def _errors(evidence: Evidence) -> Markup | None:
    predicted, actual = _pair(mapping(evidence.content.get("residuals")), "predicted", "actual")
    if not predicted:
        return None
    errors = [true - answer for answer, true in zip(predicted, actual, strict=True)]
    ordered = sorted(errors)
    low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.05, 0.5, 0.95))
    said = f"Actual minus predicted: half are below {signed(middle)}, nine in ten from {signed(low)} to {signed(high)}."
    with drawing("errors", f"Errors by predicted value. {said}") as plot:
        plot.axes.axhline(0, color=OTHER, linewidth=1.2, linestyle="--")
        plot.axes.plot(predicted, errors, color=MODEL, marker="o", markersize=3.2, alpha=0.55, linestyle="")
        plot.axes.set(xlabel="predicted", title="actual minus predicted")
        _short_ticks(plot)
    return figure("Errors", said, plot.svg, _points(("Predicted", "Error"), predicted, errors))


def wilson(share: float, rows: float) -> Interval:
    """Return Wilson's 95 percent interval of a share, between 0 and 1, that was seen in at least one row."""
    squared = NORMAL_95**2
    middle = (share + squared / (2 * rows)) / (1 + squared / rows)
    half = NORMAL_95 * sqrt(share * (1 - share) / rows + squared / (4 * rows**2)) / (1 + squared / rows)
    return Interval(lower=max(0.0, middle - half), upper=min(1.0, middle + half))


def _curve(plot: Drawing, x: Sequence[float], y: Sequence[float]) -> None:
    plot.axes.fill_between(x, y, color=MODEL, alpha=0.12, linewidth=0)
    plot.axes.plot(x, y, color=MODEL, linewidth=2)
    plot.axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.02))


def _short_ticks(plot: Drawing) -> None:
    """Write 250k for 250000, where numbers are so large: the plots have the same margins for every target."""
    from matplotlib.ticker import EngFormatter

    for axis in (plot.axes.xaxis, plot.axes.yaxis):
        if max(map(abs, axis.get_view_interval())) >= LONG_TICKS:
            axis.set_major_formatter(EngFormatter(sep=""))


def _pair(found: object, one: str, other: str) -> tuple[list[float], list[float]]:
    """Return two lists of as many numbers, or two empty ones."""
    first, second = numbers(mapping(found).get(one)), numbers(mapping(found).get(other))
    return (first, second) if len(first) == len(second) else ([], [])


def _points(head: Sequence[str], x: Sequence[float], y: Sequence[float]) -> Markup:
    """Return a few of the points, from the least to the greatest."""
    ordered = sorted(zip(x, y, strict=True))
    places = sorted({round(n * (len(ordered) - 1) / (TABLE_ROWS - 1)) for n in range(TABLE_ROWS)})
    return table(head, [(shown(ordered[at][0]), shown(ordered[at][1])) for at in places], class_="numbers")
