"""The report: the answer first, every part optional, every name harmless, the same bytes each time."""

import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ml import gate, report
from ml.report.curves import wilson
from ml.report.words import shown, signed
from tests.ml.report_documents import (
    CURVES,
    EVERY,
    FACTS,
    HOSTILE,
    THRESHOLDS,
    champion,
    judged,
    least,
    without_plots,
    written,
)

VOID = {"meta", "br"}
STYLE = (Path(report.__file__).parent / "style.css").read_text("utf-8")


class Tree(HTMLParser):
    """Elements in order, with their attributes and the text within them; unbalanced tags are an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[dict[str, Any]] = []
        self.elements: list[dict[str, Any]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {"tag": tag, "text": "", **dict(attrs)}
        assert len(found) == len(attrs) + 2, f"{tag} has an attribute twice"
        self.elements.append(found)
        if tag not in VOID:
            self.open.append(found)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"tag": tag, "text": "", **dict(attrs)})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element["text"] += data

    def of(self, *tags: str) -> list[dict[str, Any]]:
        return [element for element in self.elements if element["tag"] in tags]

    def identified(self, identity: str) -> str:
        (found,) = [element["text"] for element in self.elements if element.get("id") == identity]
        return str(found)


def page(content: dict[str, Any], thresholds: dict[str, object] | None = None, **facts: str) -> str:
    document = written(content)
    verdict = judged(document, thresholds if thresholds is not None else {"accuracy": 0.85})
    return report.render(document, verdict=verdict, facts=FACTS | facts).decode()


@cache
def made(name: str) -> str:
    return page(least()) if name == "least" else page(EVERY[name](), THRESHOLDS[name])


ALL = pytest.mark.parametrize("name", [*EVERY, "least"])


# --- the answer


def test_the_first_words_are_the_answer_and_why() -> None:
    tree = Tree(made("classification"))
    (heading,), (lead,) = tree.of("h1"), [one for one in tree.elements if one.get("class") == "lead"]
    assert heading["text"] == "✗Does not pass the gate"
    assert lead["text"] == "log_loss 0.21 is above 0.2."
    assert tree.of("title")[0]["text"] == "Does not pass the gate: churn 0123abc"


def test_each_threshold_has_its_result_value_interval_and_limit() -> None:
    why = Tree(made("classification")).identified("why")
    assert "✓ holdsAccuracy0.93 0.91 to 0.95at least 0.85" in why
    assert "✗ failsLog loss0.21 0.19 to 0.23log_loss 0.21 is above 0.2at most 0.2" in why


def test_a_model_that_passes_says_so_first() -> None:
    tree = Tree(page(EVERY["classification"](), {"accuracy": 0.9}))
    assert tree.of("h1")[0]["text"] == "✓Passes the gate"
    assert (
        "Its one condition holds." in tree.identified("why")
        or "Its one condition holds." in tree.of("header")[0]["text"]
    )


def test_nothing_vouches_for_a_model_without_thresholds() -> None:
    assert "nothing vouches for the model" in Tree(page(EVERY["classification"](), {})).of("header")[0]["text"]


def test_a_value_that_is_no_number_is_said_to_be_none() -> None:
    assert "accuracy is 'NaN', not a finite number" in Tree(made("least")).identified("why")


def test_a_bound_that_was_judged_is_told_with_its_reason() -> None:
    document = written(EVERY["classification"]())
    verdict = gate.judge_document(document, {"accuracy": 0.9}, gate.Rule(basis="bound", confidence=0.95))
    why = Tree(report.render(document, verdict=verdict, facts={}).decode()).identified("why")
    assert "accuracy 0.91 is at least 0.9 (the lower end of its interval; measured 0.93)" in why


# --- against what is live


def test_differences_to_the_live_version_say_which_side_chance_leaves_them_on() -> None:
    live = Tree(made("classification")).identified("live")
    assert live.startswith("Against live version 3")
    assert "▲ betterAccuracy+0.0300 +0.0100 to +0.0500" in live
    assert "▼ worseLog loss+0.0500" in live
    assert "≈ as goodAUC0 −0.0100 to +0.0100" in live


def test_a_live_version_of_another_table_may_know_the_rows_and_one_that_is_equal_has_no_interval() -> None:
    live = champion(accuracy=(0.0, 0.0, 0.0)) | {"same_table": False}
    live["differences"]["accuracy"] |= {"lower": "NaN", "upper": "inf"}
    told = Tree(page(EVERY["classification"]() | {"champion": live})).identified("live")
    assert "= equalAccuracy0" in told
    assert "may have seen some of these rows" in told


def test_a_margin_to_the_live_version_is_a_condition_like_any_other() -> None:
    document = written(EVERY["classification"]() | {"champion": champion(accuracy=(0.03, 0.01, 0.05))})
    rule = gate.Rule(basis="point", confidence=0.95, champion_margin=0.01)
    verdict = gate.judge_document(document, {"accuracy": 0.9}, rule)
    tree = Tree(report.render(document, verdict=verdict, facts={}).decode())
    assert "✓ holdsAccuracy+0.0300 against liveat most 0.01 worse" in tree.identified("why")
    assert tree.of("header")[0]["text"].endswith("All 2 conditions hold.")


def test_a_live_version_that_could_not_be_measured_fails_a_margin_with_its_reason() -> None:
    document = written(EVERY["clustering"]())
    rule = gate.Rule(basis="point", confidence=0.95, champion_margin=0.0)
    verdict = gate.judge_document(document, {"silhouette": 0.3}, rule)
    why = Tree(report.render(document, verdict=verdict, facts={}).decode()).identified("why")
    assert "✗ failsLive versionthe champion, version 3, could not be compared: it has no column spend" in why


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("regression", "Nothing is live yet"),
        ("clustering", "It could not be measured on these rows: it has no column spend"),
        ("least", "did not look at the version that is live"),
    ],
)
def test_without_a_comparison_the_reason_stands_in_its_place(task: str, says: str) -> None:
    assert says in Tree(made(task)).identified("live")


def test_what_a_person_should_see_is_said_on_the_first_screen() -> None:
    remarks = Tree(made("classification")).identified("remarks")
    assert "Column 'months' alone predicts the target (AUC 0.997)" in remarks
    assert "Data: column months looks like numbers and is taken as text." in remarks
    assert "Worse than the live version, beyond chance: Log loss." in remarks
    assert "Weakest slice by Accuracy: months = 1 to 9 (60 rows), 0.8, −0.1300 against all rows." in remarks
    narrow = Tree(page(EVERY["regression"](), {"r2": 0.79})).identified("remarks")
    assert "R² holds, but its interval reaches below the limit, to 0.78." in narrow
    idle = EVERY["classification"]() | {"baseline": {"metrics": {"accuracy": 0.93}}}
    assert "No better than a constant answer: Accuracy" in Tree(page(idle)).identified("remarks")


# --- parts


@pytest.mark.parametrize(
    ("task", "titles"),
    [
        ("classification", ["Confusion", "ROC", "Precision and recall", "Calibration"]),
        ("regression", ["Predicted and actual", "Errors"]),
        ("clustering", ["Cluster sizes"]),
    ],
)
def test_a_task_has_its_own_pictures(task: str, titles: list[str]) -> None:
    tree = Tree(made(task))
    captions = [caption["text"] for caption in tree.of("figcaption")]
    assert [title for title, caption in zip(titles, captions, strict=True) if not caption.startswith(title)] == []


NOTHING = [None, "NaN", [], {}, 3, [3], {"x": "NaN"}]


@pytest.mark.parametrize("task", EVERY)
def test_each_key_may_be_missing_or_hold_nothing_that_can_be_shown(task: str) -> None:
    whole = without_plots(task)
    for key in whole.keys() - {name for name in whole if name.endswith("_metrics")}:
        fewer = {name: value for name, value in whole.items() if name != key}
        for content in (fewer, *(whole | {key: value} for value in NOTHING)):
            assert Tree(page(content, THRESHOLDS[task])).of("h1")


def test_a_plot_without_its_numbers_is_left_out() -> None:
    for value in NOTHING:
        for key in ("calibration", "residuals"):
            assert "<figure" not in page(least() | {key: value})
        group = {"accuracy": {"value": 0.9}} | dict.fromkeys((*CURVES, "confusion_matrix", "sizes"), value)
        assert 'class="plot"' not in page({"binary_classification_metrics": group})


def test_numbers_in_the_newer_parts_may_be_missing_too() -> None:
    broken = EVERY["classification"]()
    broken["champion"]["differences"]["accuracy"] = {"value": "NaN", "lower": "NaN", "upper": "NaN"}
    broken["importance"]["columns"][0] |= {"mean": "NaN", "lower": "NaN"}
    broken["slices"][0] |= {"gaps": {"accuracy": "NaN"}, "metrics": {"accuracy": "NaN"}}
    broken["calibration"][0]["observed"] = "NaN"
    broken["data"]["leaks"][0]["score"] = "NaN"
    assert "not a number" in Tree(page(broken)).identified("live")


def test_facts_are_shown_in_their_order_under_their_labels() -> None:
    shown_facts = Tree(page(least(), more="last")).identified("provenance")
    assert shown_facts == "ProvenanceUse casechurnCommit0123abcscikit-learn1.9.0morelast"


def test_what_is_no_evaluation_is_refused() -> None:
    with pytest.raises(gate.EvidenceError, match="not a JSON document"):
        report.render(b"{", verdict=gate.Verdict(lines=()), facts={})


# --- safe, self-contained and the same


@pytest.mark.parametrize("task", EVERY)
def test_names_are_text_wherever_they_stand(task: str) -> None:
    hostile = page(EVERY[task](HOSTILE), THRESHOLDS[task], use_case=HOSTILE, commit=HOSTILE, **{HOSTILE: HOSTILE})
    tree = Tree(hostile)
    assert tree.of("script") == []
    assert "<script" not in hostile
    assert tree.identified("slices").count(HOSTILE) == 1
    assert tree.identified("provenance").count(HOSTILE) == 4
    assert not [key for element in tree.elements for key in element if key.startswith("on")]


@ALL
def test_the_page_forbids_network_and_scripts_and_refers_to_nothing_outside(name: str) -> None:
    tree = Tree(made(name))
    (policy,) = [one["content"] for one in tree.of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    directives = dict(directive.strip().partition(" ")[::2] for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert not {"script-src", "img-src", "font-src", "connect-src"} & directives.keys()
    assert not tree.of("script", "link", "img", "iframe", "object", "base", "form")
    targets = [element[key] for element in tree.elements for key in ("href", "xlink:href", "src") if key in element]
    assert all(target.startswith("#") for target in targets)
    assert set(re.findall(r"url\((.)", made(name))) <= {"#"}


@ALL
def test_every_reference_has_its_target_and_every_id_is_unique(name: str) -> None:
    tree = Tree(made(name))
    ids = [element["id"] for element in tree.elements if "id" in element]
    assert len(ids) == len(set(ids))
    wanted = [e[key].removeprefix("#") for e in tree.elements for key in ("href", "xlink:href") if key in e]
    wanted += re.findall(r"url\(#([^)]+)\)", made(name))
    wanted += [element["aria-labelledby"] for element in tree.elements if "aria-labelledby" in element]
    assert set(wanted) <= set(ids)


@pytest.mark.parametrize("task", EVERY)
def test_the_same_document_gives_the_same_bytes(task: str) -> None:
    assert page(EVERY[task](), THRESHOLDS[task]) == made(task)


@pytest.mark.slow
def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys; from tests.ml.test_report import made; sys.stdout.reconfigure(encoding='utf-8');"
        "sys.stdout.write(made('classification'))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8")
    assert found.stdout == made("classification")


@pytest.mark.slow
def test_only_a_rendering_imports_matplotlib() -> None:
    code = "import sys, ml.create_model_package; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "False"


def test_drawings_have_no_colour_of_their_own() -> None:
    for name in ("classification", "regression"):
        drawn = "".join(re.findall(r"<svg.*?</svg>", made(name), flags=re.DOTALL))
        assert re.findall(r"#[0-9a-f]{6}\b", drawn) == []
        assert {"var(--model)", "var(--other)", "var(--quiet)", "var(--line)"} <= set(
            re.findall(r"var\(--\w+\)", drawn)
        )


# --- for everybody


@ALL
def test_headings_are_in_order_and_there_is_one_of_each_landmark(name: str) -> None:
    tree = Tree(made(name))
    levels = [int(element["tag"][1]) for element in tree.of("h1", "h2", "h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert [len(tree.of(tag)) for tag in ("header", "main", "nav", "footer", "title")] == [1, 1, 1, 1, 1]
    assert tree.of("html")[0]["lang"] == "en"


@ALL
def test_the_first_thing_that_a_keyboard_reaches_skips_to_the_reasons(name: str) -> None:
    tree = Tree(made(name))
    first = next(element for element in tree.elements if element["tag"] in ("a", "summary") or "tabindex" in element)
    assert (first["tag"], first["href"]) == ("a", "#main")


@ALL
def test_every_drawing_is_described_or_stands_beside_its_numbers(name: str) -> None:
    for drawing in Tree(made(name)).of("svg"):
        assert drawing.get("aria-hidden") == "true" or (drawing["role"] == "img" and len(drawing["aria-label"]) > 20)


@ALL
def test_every_table_says_what_its_rows_and_columns_are(name: str) -> None:
    tree = Tree(made(name))
    assert tree.of("table")
    assert {element["scope"] for element in tree.of("th")} == {"row", "col"}


def colours(dark: bool) -> dict[str, str]:
    light, night = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", night)) if dark else found


def channels(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG 2.2's ratio of two colours, from 1 to 21."""

    def luminance(colour: list[float]) -> float:
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_whatever_is_read_has_a_contrast_of_four_and_a_half(dark: bool) -> None:
    found = {name: channels(colour) for name, colour in colours(dark).items()}
    pairs = [(text, ground) for text in ("ink", "quiet", "model", "pass", "fail") for ground in ("ground", "panel")]
    pairs += [("pass", "pass-ground"), ("fail", "fail-ground"), ("quiet", "ground")]
    assert [pair for pair in pairs if contrast(found[pair[0]], found[pair[1]]) < 4.5] == []
    share = float(re.search(r"calc\(var\(--share\) \* (\d+)%\)", STYLE)[1]) / 100
    fullest = [share * m + (1 - share) * p for m, p in zip(found["model"], found["panel"], strict=True)]
    assert contrast(found["ink"], fullest) >= 4.5


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_whatever_is_drawn_has_a_contrast_of_three(dark: bool) -> None:
    found = {name: channels(colour) for name, colour in colours(dark).items()}
    pairs = [(drawn, "panel") for drawn in ("model", "other", "edge", "focus", "pass", "fail", "ink")]
    pairs += [("pass", "pass-ground"), ("ink", "pass-ground"), ("edge", "pass-ground")]
    assert [pair for pair in pairs if contrast(found[pair[0]], found[pair[1]]) < 3] == []


def test_every_colour_that_is_used_is_defined_for_both_themes() -> None:
    defined = colours(dark=False).keys()
    night = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)[1]
    assert set(re.findall(r"--([\w-]+):", night)) == defined
    assert set(re.findall(r"var\(--([\w-]+)\)", "".join(map(made, EVERY)))) <= {*defined, "share"}


# --- words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.97423, "0.9742"),
        (35.512, "35.51"),
        (123456.7, "123,457"),
        ("NaN", "not a number"),
        (None, "missing"),
        (0, "0"),
    ],
)
def test_numbers_are_read_in_four_digits(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "+0.0123"), (-0.0123, "−0.0123"), (12.345, "+12.35"), (0.0, "0"), (1e-9, "±0"), (-1234.5, "−1234")],
)
def test_differences_have_their_sign(value: float, text: str) -> None:
    assert signed(value) == text


def test_the_interval_of_a_share_stays_within_zero_and_one() -> None:
    # Wilson's interval of 9 in 10, in Newcombe, Statistics in Medicine 17 (1998).
    found = wilson(0.9, 10)
    assert (round(found.lower, 3), round(found.upper, 3)) == (0.596, 0.982)
    assert (wilson(0.0, 5).lower, wilson(1.0, 5).upper) == (0.0, 1.0)
