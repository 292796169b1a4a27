"""The report as a real browser shows it: quiet, offline, narrow, dark, printed, and by keyboard."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml import report
from tests.browser import Page, page
from tests.ml.report_documents import EVERY, FACTS, HOSTILE, THRESHOLDS, judged, written

pytestmark = pytest.mark.slow

PHONE, DESK = 360, 1280
SAID = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
TASKS = pytest.mark.parametrize("task", EVERY)
LONG = "a_column_that_somebody_named_at_length_" * 3 + HOSTILE


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with page() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each task, full of names that are long and that a careless page would run."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for task, make in EVERY.items():
        document = written(make(LONG))
        found[task] = folder / f"{task}.html"
        verdict = judged(document, THRESHOLDS[task])
        found[task].write_bytes(report.render(document, verdict=verdict, facts=FACTS | {LONG: LONG}))
    return found


@TASKS
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_it_fits_asks_for_nothing_and_has_nothing_to_complain_of(
    task: str, width: int, dark: bool, tab: Page, files: dict[str, Path]
) -> None:
    tab.look(width=width, dark=dark)
    tab.open(files[task])

    assert tab.of(*SAID) == []
    assert [asked["request"]["url"] for asked in tab.of("Network.requestWillBeSent")] == [files[task].as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.compatMode") == "CSS1Compat"


def test_a_page_that_runs_or_fetches_something_is_noticed(tab: Page, files: dict[str, Path], tmp_path: Path) -> None:
    """What the tests above look for can be seen by them."""
    text = files["clustering"].read_text("utf-8")
    (spoilt := tmp_path / "spoilt.html").write_text(
        text.replace("</main>", "<script>alert(1)</script><img src=x.png><div style=width:2000px>wide</div></main>"),
        "utf-8",
    )
    tab.look(width=PHONE)
    tab.open(spoilt)

    said = [entry["entry"]["text"] for entry in tab.of("Log.entryAdded")]
    assert [text for text in said if "script" in text] and [text for text in said if "image" in text]
    assert tab.evaluate("document.documentElement.scrollWidth") > PHONE


def test_the_theme_is_the_persons(tab: Page, files: dict[str, Path]) -> None:
    shown = {}
    for dark in (False, True):
        tab.look(width=DESK, dark=dark)
        tab.open(files["regression"])
        curve = "getComputedStyle(document.querySelector('svg.plot [style*=\"fill: var(--model)\"]')).fill"
        shown[dark] = (tab.evaluate("getComputedStyle(document.body).backgroundColor"), tab.evaluate(curve))

    assert shown == {False: ("rgb(246, 247, 249)", "rgb(31, 95, 191)"), True: ("rgb(16, 19, 24)", "rgb(121, 176, 255)")}


def test_the_answer_the_thresholds_and_the_live_version_are_on_the_first_screen(
    tab: Page, files: dict[str, Path]
) -> None:
    tab.look(width=DESK)
    tab.open(files["classification"])
    for thing in ("h1", "#why table", "#live table"):
        assert tab.evaluate(f"document.querySelector('{thing}').getBoundingClientRect().bottom") < 800, thing


@TASKS
def test_the_browser_reads_names_and_roles_to_whoever_cannot_see(task: str, tab: Page, files: dict[str, Path]) -> None:
    tab.look(width=DESK)
    tab.open(files[task])
    nodes = [node for node in tab.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    roles = [node["role"]["value"] for node in nodes]
    nameless = [
        node["role"]["value"]
        for node in nodes
        if node["role"]["value"] in ("img", "image", "region", "link", "heading", "navigation")
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    assert {"banner", "main", "navigation", "contentinfo", "heading", "table", "rowheader", "columnheader"} <= set(
        roles
    )
    drawn = tab.evaluate("document.querySelectorAll('svg.plot').length")
    assert sum(role in ("img", "image") for role in roles) == drawn


def test_a_keyboard_reaches_everything_and_sees_where_it_is(tab: Page, files: dict[str, Path]) -> None:
    tab.look(width=PHONE)
    tab.open(files["classification"])
    everything = "[...document.querySelectorAll('a, summary, [tabindex=\"0\"]')].filter(one => one.checkVisibility())"
    reached = []
    for _ in range(tab.evaluate(f"{everything}.length")):
        _press(tab, "Tab", 9)
        reached.append(tab.evaluate("(({tagName: t, className: c}) => t + (c ? '.' + c : ''))(document.activeElement)"))
        style = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", reached
    assert reached[0] == "A.skip"
    assert {"A", "SUMMARY", "DIV.scroll"} <= set(reached)

    tab.evaluate("document.querySelector('summary').focus()")
    _press(tab, "Enter", 13, "\r")
    assert tab.evaluate("document.querySelector('details').open") is True


@TASKS
def test_it_prints_with_what_is_folded_away_on_screen(task: str, tab: Page, files: dict[str, Path]) -> None:
    tab.look(width=DESK)
    tab.open(files[task])
    printed = base64.b64decode(tab.send("Page.printToPDF", printBackground=True)["data"])

    assert printed.startswith(b"%PDF-")
    assert 1 <= printed.count(b"/Type /Page\n") <= 12
    tab.send("Emulation.setEmulatedMedia", media="print")
    content = "[...document.querySelectorAll('section > details > :not(summary)')]"
    heights = tab.evaluate(f"{content}.map(one => one.getBoundingClientRect().height)")
    assert heights and all(heights)
    tab.send("Emulation.setEmulatedMedia", media="")


def _press(tab: Page, key: str, code: int, text: str = "") -> None:
    for kind in ("keyDown", "keyUp"):
        typed = {"text": text} if text and kind == "keyDown" else {}
        tab.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)
