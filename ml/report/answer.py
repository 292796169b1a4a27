"""The first screen: would the model pass, why, and how it stands against the live one."""

from collections.abc import Mapping

from ml import catalogue, contract, gate
from ml.report.evidence import Evidence, Interval, ends
from ml.report.markup import Markup, element
from ml.report.parts import hidden, quiet, section, table
from ml.report.strip import Mark, Scale, strip
from ml.report.words import count, label, limit, number, percent, shown, signed

COMPARED = 4
"""How many metrics are held against the live version on the first screen, at least, where there are as many."""


def answer(verdict: gate.Verdict) -> str:
    """Return the answer in a few words."""
    return "Passes the gate" if verdict.approved else "Does not pass the gate"


def header(evidence: Evidence, verdict: gate.Verdict, facts: Mapping[str, str]) -> Markup:
    """Return the answer, and what it is about."""
    colour, mark = ("pass", "✓") if verdict.approved else ("fail", "✗")
    commit = facts.get(contract.METADATA_COMMIT, "")[:10]
    about = [
        facts.get(contract.METADATA_USE_CASE),
        f"measured on {count(evidence.rows, 'held-out row')}",
        commit and f"commit {commit}",
    ]
    return element(
        "header",
        element("p", " · ".join(filter(None, about)), class_="about"),
        element("h1", element("span", mark, class_="mark", aria_hidden="true"), answer(verdict)),
        element("p", _lead(verdict), class_="lead"),
        class_=f"answer {colour}",
    )


def _lead(verdict: gate.Verdict) -> str:
    every = len(verdict.lines)
    if not every:
        return "No threshold is set, so nothing vouches for the model."
    if verdict.approved:
        return "Its one condition holds." if every == 1 else f"All {every} conditions hold."
    return "; ".join(line.reason for line in verdict.lines if not line.passed) + "."


def why(evidence: Evidence, verdict: gate.Verdict) -> Markup:
    """Return one row for each line of the verdict: result and metric, value with its interval, limit."""
    rows = [_row(evidence, line) for line in verdict.lines]
    measured = f"Measured, {percent(evidence.confidence)} interval" if evidence.confidence else "Measured"
    lines = table(("Threshold", measured, "Limit"), rows, class_="lines") if rows else None
    return section("why", "Why", lines)


def _row(evidence: Evidence, line: gate.Line) -> tuple[object, ...]:
    if line.about_champion:
        return _margin(line)
    point, against = evidence.values.get(line.metric, line.value), number(line.limit)
    interval = evidence.interval(line.metric)
    mark = Mark(value=number(point), interval=interval, against=against, good_side=line.higher_is_better)
    # The table says it all where the measured value itself was judged and has passed.
    said = None if line.passed and line.value == point else reason(line)
    value = [measured(point, interval), strip(mark, tone=tone(line)), said]
    return [result(line), label(line.metric)], value, limit(line.limit, higher_is_better=line.higher_is_better)


def _margin(line: gate.Line) -> tuple[object, ...]:
    """Return the row of a line that holds a metric, or the whole model, against the live version."""
    far, margin = number(line.value), abs(number(line.limit) or 0.0)
    name = label(line.metric) if line.metric in catalogue.METRICS else "Live version"
    if far is None:
        return [result(line), name], reason(line), "–"
    mark = Mark(value=far, against=number(line.limit), good_side=line.higher_is_better)
    drawn = strip(mark, Scale.around_zero(mark.values), tone=tone(line))
    value = element("span", element("strong", signed(far)), quiet(" against live"), class_="measured")
    said = [value, drawn, None if line.passed else reason(line)]
    return [result(line), name], said, f"at most {shown(margin)} worse" if margin else "no worse"


def tone(line: gate.Line) -> str:
    """Return the class of what has passed, or has not."""
    return "pass" if line.passed else "fail"


def reason(line: gate.Line) -> Markup:
    """Return why a line has passed, or has not."""
    return element("p", line.reason, class_="quiet" if line.passed else "reason")


def result(line: gate.Line) -> Markup:
    """Return the outcome of one line, in a word and a sign beside its colour."""
    return element("span", "✓ holds" if line.passed else "✗ fails", class_=f"result {tone(line)}")


def measured(value: object, interval: Interval | None) -> Markup:
    """Return a value with its interval."""
    span = quiet(f" {shown(interval.lower)} to {shown(interval.upper)}") if interval else None
    return element("span", element("strong", shown(value)), span, class_="measured")


def live(evidence: Evidence, verdict: gate.Verdict) -> Markup:
    """Return how the model stands against the version that is live now."""
    champion = evidence.champion
    if not champion:
        absent = "Nothing is live yet: there is no other version to compare with."
        unknown = "This evaluation did not look at the version that is live."
        return section("live", "Against the live version", element("p", absent if asked(evidence) else unknown))
    title = f"Against live version {champion.get('version', '')}".strip()
    if champion.get("scored") is not True:
        reason = champion.get("reason") or "no reason is given"
        return section("live", title, element("p", f"It could not be measured on these rows: {reason}", class_="alert"))
    judged = dict.fromkeys(line.metric for line in verdict.lines if line.metric in evidence.values)
    others = [name for name in evidence.values if name not in judged and evidence.difference(name)]
    chosen = [*judged, *others[: max(0, COMPARED - len(judged))]]
    rows = [_against(evidence, name) for name in chosen]
    both = "Both versions answered the same held-out rows. A difference counts where its interval leaves out 0."
    if champion.get("same_table") is False:
        both += " The live one was trained on another table, and may have seen some of these rows."
    return section(
        "live",
        title,
        table(("Metric", "This minus live", "This, live"), rows, class_="lines"),
        element("p", quiet(both)),
    )


def asked(evidence: Evidence) -> bool:
    """Return whether the evaluation looked for a live version at all."""
    return "champion" in evidence.content


def _against(evidence: Evidence, name: str) -> tuple[object, ...]:
    difference = evidence.difference(name)
    colour, word = standing(evidence, name)
    value, interval = difference.get("value"), ends(difference)
    better = catalogue.METRICS[name].higher_is_better
    mark = Mark(value=number(value), interval=interval, against=0.0, good_side=better)
    span = quiet(f" {signed(interval.lower)} to {signed(interval.upper)}") if interval else None
    both = [shown(evidence.values.get(name)), hidden(" against "), element("br"), quiet(shown(_lives(evidence, name)))]
    return (
        [element("span", word, class_=f"result {colour}"), label(name)],
        [
            element("span", element("strong", signed(value)), span, class_="measured"),
            strip(mark, Scale.around_zero(mark.values), tone=colour),
        ],
        both,
    )


def _lives(evidence: Evidence, name: str) -> object:
    found = evidence.champion.get("metrics")
    return found.get(name) if isinstance(found, dict) else None


def standing(evidence: Evidence, name: str) -> tuple[str, str]:
    """Return the tone and the word for a metric's difference to the live version."""
    interval = ends(evidence.difference(name))
    if interval is None:
        return "noise", "= equal" if number(evidence.difference(name).get("value")) == 0 else "? not known"
    if interval.lower <= 0 <= interval.upper:
        return "noise", "≈ as good"
    more = interval.lower > 0
    return ("pass", "▲ better") if more == catalogue.METRICS[name].higher_is_better else ("fail", "▼ worse")
