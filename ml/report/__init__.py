"""One HTML page by which a person judges a model: the answer first, then what it rests on. It needs nothing else."""

from collections.abc import Mapping
from pathlib import Path

from ml import contract, gate
from ml.report import origin, quality, reasons
from ml.report.answer import answer, header, live, why
from ml.report.evidence import Evidence
from ml.report.markup import Markup, element
from ml.report.remarks import remarks

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy: no network and no script, whatever got into the page. Plots carry styles of their own."""

TITLES: Mapping[str, str] = {
    "metrics": "Metrics",
    "answers": "Answers",
    "importance": "Columns",
    "slices": "Slices",
    "data": "Data",
    "provenance": "Provenance",
}
"""Section -> its name in the list of contents."""


def render(document: bytes, *, verdict: gate.Verdict, facts: Mapping[str, str]) -> bytes:
    """Return the page about an evaluation document, in UTF-8; the same arguments give the same bytes.

    `facts` says what the model was made of, as the version's metadata does, in the order in which it is shown. Raises
    gate.EvidenceError when the document is no evaluation.
    """
    evidence = Evidence.read(document)
    sections = {
        "metrics": quality.metrics(evidence),
        "answers": quality.answers(evidence),
        "importance": reasons.importance(evidence),
        "slices": reasons.slices(evidence),
        "data": origin.data(evidence),
        "provenance": origin.provenance(facts),
    }
    found = {name: made for name, made in sections.items() if made is not None}
    reasons_and_remarks = element("div", why(evidence, verdict), remarks(evidence, verdict))
    first = element("div", reasons_and_remarks, live(evidence, verdict), class_="first")
    links = [element("li", element("a", TITLES[name], href=f"#{name}")) for name in found]
    body = element(
        "body",
        element("a", "Skip to the reasons", href="#main", class_="skip"),
        header(evidence, verdict, facts),
        element(
            "main",
            first,
            element("nav", element("ul", *links), aria_label="Contents"),
            *found.values(),
            id="main",
            tabindex="-1",
        ),
        element(
            "footer",
            element("p", "The build made this page from evaluation.json; the registry keeps the digest of that file."),
        ),
    )
    page = element("html", _head(_title(verdict, facts)), body, lang="en")
    return f"<!doctype html>\n{page}\n".encode()


def _title(verdict: gate.Verdict, facts: Mapping[str, str]) -> str:
    about = [facts.get(contract.METADATA_USE_CASE, "model"), facts.get(contract.METADATA_COMMIT, "")[:10]]
    return f"{answer(verdict)}: {' '.join(filter(None, about))}"


def _head(title: str) -> Markup:
    style = Markup(Path(__file__).with_name("style.css").read_text("utf-8"))
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
