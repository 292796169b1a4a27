"""The gate against the champion: what passes, what does not, and how the reason reads. Silence never passes."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import contract, gate
from ml.errors import InputError

LIMITS = {"accuracy": 0.5, "log_loss": 2.0}


def rule(margin: float | None, basis: str = contract.POINT) -> gate.Rule:
    return gate.Rule(basis=basis, confidence=0.95, champion_margin=margin)


def champion(ends: float = 0.01, **metrics: Any) -> dict[str, Any]:
    """Return a champion's entry; each interval reaches `ends` to either side of the difference."""
    own = {"accuracy": 0.9, "log_loss": 0.4}
    differences = {
        name: {"value": own[name] - value, "lower": own[name] - value - ends, "upper": own[name] - value + ends}
        for name, value in metrics.items()
        if isinstance(value, float)
    }
    return {"version": 3, "scored": True, "reason": "", "metrics": metrics, "confidence": 0.95} | {
        "differences": differences
    }


def document(**more: Any) -> bytes:
    """Return the evaluation of a model with accuracy 0.9 and log loss 0.4, each sure within 0.01."""
    values = {"accuracy": 0.9, "log_loss": 0.4}
    ends = {name: {"lower": value - 0.01, "upper": value + 0.01} for name, value in values.items()}
    content = {
        "binary_classification_metrics": {name: {"value": value} for name, value in values.items()},
        "intervals": {"confidence": 0.95, "metrics": ends},
    }
    return json.dumps(content | more).encode()


@pytest.mark.parametrize(
    ("theirs", "margin", "approved"),
    [
        ({"accuracy": 0.9, "log_loss": 0.4}, 0, True),
        ({"accuracy": 0.85, "log_loss": 0.5}, 0, True),
        ({"accuracy": 0.901, "log_loss": 0.4}, 0, False),
        ({"accuracy": 0.9, "log_loss": 0.399}, 0, False),
        ({"accuracy": 0.92, "log_loss": 0.38}, 0.02, True),
        ({"accuracy": 0.921, "log_loss": 0.38}, 0.02, False),
        ({"accuracy": 0.92, "log_loss": 0.379}, 0.02, False),
    ],
)
def test_by_point_a_model_may_be_worse_by_the_margin_and_no_more(theirs: Any, margin: float, approved: bool) -> None:
    assert gate.judge_document(document(champion=champion(**theirs)), LIMITS, rule(margin)).approved is approved


@pytest.mark.parametrize(
    ("theirs", "margin", "approved"),
    [
        ({"accuracy": 0.88, "log_loss": 0.42}, 0, True),
        ({"accuracy": 0.895, "log_loss": 0.42}, 0, False),
        ({"accuracy": 0.88, "log_loss": 0.405}, 0, False),
        ({"accuracy": 0.895, "log_loss": 0.405}, 0.01, True),
    ],
)
def test_by_bound_the_worse_end_of_the_difference_is_held_to_the_margin(
    theirs: Any, margin: float, approved: bool
) -> None:
    found = gate.judge_document(document(champion=champion(**theirs)), LIMITS, rule(margin, contract.BOUND))
    assert found.approved is approved


def test_by_bound_a_difference_of_nothing_passes_with_a_margin_and_is_no_proof_of_being_better() -> None:
    equal = document(champion=champion(ends=0.0, accuracy=0.9, log_loss=0.4))
    refused = gate.judge_document(equal, LIMITS, rule(0, contract.BOUND))
    assert not refused.approved
    assert "accuracy 0.9 may be no better than the champion's 0.9 (version 3" in refused.summary
    assert gate.judge_document(equal, LIMITS, rule(1e-6, contract.BOUND)).approved


def test_the_reason_names_both_values_the_margin_and_the_version() -> None:
    evidence = document(champion=champion(accuracy=0.95, log_loss=0.45))
    refused = gate.judge_document(evidence, LIMITS, rule(0.01))
    assert refused.summary == "Rejected: accuracy 0.9 is more than 0.01 worse than the champion's 0.95 (version 3)"
    assert [line.about_champion for line in refused.lines] == [False, False, True, True]
    assert refused.lines[2].value == pytest.approx(-0.05)
    assert (refused.lines[2].limit, refused.lines[3].limit) == (-0.01, 0.01)
    unsure = gate.judge_document(
        document(champion=champion(accuracy=0.895)), {"accuracy": 0.5}, rule(0, contract.BOUND)
    )
    assert unsure.summary == (
        "Rejected: accuracy 0.9 may be worse than the champion's 0.895 (version 3; the lower end of the difference is"
        " -0.005)"
    )
    passed = gate.judge_document(document(champion=champion(accuracy=0.8)), {"accuracy": 0.5}, rule(0.1))
    assert passed.summary == (
        "Approved: accuracy 0.9 is at least 0.5; accuracy 0.9 is no more than 0.1 worse than the champion's 0.8"
        " (version 3)"
    )


def test_a_close_miss_shows_the_digits_that_tell() -> None:
    found = gate.judge_document(document(champion=champion(accuracy=0.90000001)), {"accuracy": 0.5}, rule(0))
    assert "accuracy 0.9 is worse than the champion's 0.90000001" in found.summary


def test_without_a_margin_nobody_looks_at_the_champion() -> None:
    assert gate.judge_document(document(champion=champion(accuracy=0.99)), LIMITS, rule(None)).approved
    assert gate.judge_document(document(), LIMITS, gate.POINT_RULE).approved


def test_where_nothing_serves_there_is_nothing_to_be_worse_than() -> None:
    found = gate.judge_document(document(champion=None), LIMITS, rule(0))
    assert found.approved
    assert found.summary.endswith("nothing served when the model was measured: no champion")


def test_no_champion_vouches_for_a_model_without_thresholds() -> None:
    assert not gate.judge_document(document(champion=None), {}, rule(0)).approved


UNSCORED = {"version": 3, "scored": False, "reason": "it needs columns that the table lacks: 'age'"}
BOUND_ONLY = {"metrics": {"accuracy": 0.8}, "version": 3, "scored": True}


@pytest.mark.parametrize(
    ("more", "basis", "says"),
    [
        ({}, contract.POINT, "the evaluation does not say how the champion does"),
        ({"champion": []}, contract.POINT, "the evaluation does not say how the champion does"),
        ({"champion": {}}, contract.POINT, "the champion, version None, could not be compared: no reason given"),
        ({"champion": UNSCORED}, contract.POINT, "the champion, version 3, could not be compared: it needs columns"),
        ({"champion": champion(accuracy=0.8) | {"scored": "yes"}}, contract.POINT, "could not be compared"),
        ({"champion": champion()}, contract.POINT, "accuracy 0.9 cannot be held against None of version 3"),
        ({"champion": champion(accuracy="NaN")}, contract.POINT, "accuracy 0.9 cannot be held against 'NaN'"),
        ({"champion": champion(accuracy=True)}, contract.POINT, "accuracy 0.9 cannot be held against True"),
        ({"champion": champion(accuracy=-4.0)}, contract.POINT, "accuracy 0.9 cannot be held against -4.0"),
        ({"champion": champion(accuracy=0.8) | {"metrics": 3}}, contract.POINT, "cannot be held against None"),
        ({"champion": champion(accuracy=0.8) | {"confidence": 0.9}}, contract.BOUND, "has no interval of the gate's"),
        ({"champion": champion(accuracy=0.8, ends=math.inf)}, contract.BOUND, "has no interval of the gate's"),
        ({"champion": BOUND_ONLY}, contract.BOUND, "has no interval of the gate's confidence for its difference"),
        ({"champion": BOUND_ONLY | {"confidence": 0.95, "differences": []}}, contract.BOUND, "has no interval"),
        (
            {"champion": BOUND_ONLY | {"confidence": 0.95, "differences": {"accuracy": 1}}},
            contract.BOUND,
            "no interval",
        ),
    ],
)
def test_what_cannot_be_compared_does_not_pass(more: Any, basis: str, says: str) -> None:
    found = gate.judge_document(document(**more), {"accuracy": 0.5}, rule(0, basis))
    assert not found.approved
    assert says in found.summary


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["accuracy", "metrics", "differences", "scored", "version", "lower", "confidence"]), inner
        )
    ),
)


@given(anything, st.sampled_from([contract.POINT, contract.BOUND]))
def test_whatever_stands_for_the_champion_is_judged_and_only_an_absent_one_or_a_worse_one_passes(
    found: Any, basis: str
) -> None:
    verdict = gate.judge_document(document(champion=found), {"accuracy": 0.5}, rule(0, basis))
    metrics = found.get("metrics") if isinstance(found, dict) and found.get("scored") is True else None
    theirs = metrics.get("accuracy") if isinstance(metrics, dict) else None
    comparable = type(theirs) in (int, float) and 0 <= theirs <= 1
    if basis == contract.POINT:
        assert verdict.approved is (found is None or (comparable and theirs <= 0.9 + 1e-12))
    else:
        assert not verdict.approved or found is None or comparable


# --- the rule itself


@pytest.mark.parametrize(("text", "margin"), [("null", None), ("0", 0.0), ("0.02", 0.02), ("40", 40.0)])
def test_the_margin_is_read_from_the_rule(text: str, margin: float | None) -> None:
    read = gate.Rule.read(f'{{"basis": "point", "confidence": 0.95, "championMargin": {text}}}')
    assert read.champion_margin == margin


@pytest.mark.parametrize("text", ["-0.01", '"0.02"', "true", "NaN", "Infinity", "[]"])
def test_a_margin_that_nobody_can_judge_by_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="has the champion margin .* Set gate.championMargin"):
        gate.Rule.read(f'{{"basis": "point", "confidence": 0.95, "championMargin": {text}}}')
