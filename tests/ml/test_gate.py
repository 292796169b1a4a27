"""The gate: what passes, what does not, and how the reason reads. Whatever cannot be judged does not pass."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import catalogue, contract, gate
from ml.gate import EvidenceError, judge


def document(group: str = "binary_classification_metrics", **values: Any) -> bytes:
    return json.dumps({group: {name: {"value": value} for name, value in values.items()}}).encode()


@pytest.mark.parametrize(("accuracy", "approved"), [(0.85, True), (0.86, True), (0.8499999, False), (0.0, False)])
def test_a_score_passes_at_its_limit_and_above(accuracy: float, approved: bool) -> None:
    assert judge({"accuracy": accuracy}, {"accuracy": 0.85}).approved is approved


@pytest.mark.parametrize(("loss", "approved"), [(0.5, True), (0.4, True), (0.5000001, False), (7.0, False)])
def test_a_loss_passes_at_its_limit_and_below(loss: float, approved: bool) -> None:
    assert judge({"log_loss": loss}, {"log_loss": 0.5}).approved is approved


def test_every_threshold_must_pass() -> None:
    verdict = judge({"accuracy": 0.9, "recall": 0.4}, {"accuracy": 0.85, "recall": 0.5})

    assert verdict.decision == contract.REJECTED
    assert [line.passed for line in verdict.lines] == [True, False]
    assert verdict.summary == "Rejected: recall 0.4 is below 0.5"


def test_the_summary_of_an_approval_names_each_value_and_limit() -> None:
    verdict = judge({"accuracy": 0.93, "brier": 0.1}, {"accuracy": 0.85, "brier": 0.2})

    assert verdict.decision == contract.APPROVED
    assert verdict.summary == "Approved: accuracy 0.93 is at least 0.85; brier 0.1 is at most 0.2"


def test_a_close_miss_is_not_rounded_into_its_limit() -> None:
    assert judge({"accuracy": 0.849999}, {"accuracy": 0.85}).summary == "Rejected: accuracy 0.849999 is below 0.85"


def test_no_threshold_means_rejected() -> None:
    verdict = judge({"accuracy": 1.0}, {})

    assert not verdict.approved
    assert verdict.summary == "Rejected: no threshold is set, so nothing vouches for the model"


@pytest.mark.parametrize(
    ("metrics", "threshold", "reason"),
    [
        ({}, 0.85, "accuracy is missing from the evaluation"),
        ({"accuracy": math.nan}, 0.85, "accuracy is nan, not a finite number"),
        ({"accuracy": "NaN"}, 0.85, "accuracy is 'NaN', not a finite number"),
        ({"accuracy": "0.99"}, 0.85, "accuracy is '0.99', not a finite number"),
        ({"accuracy": True}, 0.85, "accuracy is True, not a finite number"),
        ({"accuracy": None}, 0.85, "accuracy is None, not a finite number"),
        ({"accuracy": math.inf}, 0.85, "accuracy is inf, not a finite number"),
        ({"accuracy": 93}, 0.85, "accuracy 93 is outside 0 to 1"),
        ({"accuracy": -0.1}, -1, "accuracy -0.1 is outside 0 to 1"),
        ({"accuracy": 0.9}, math.nan, "the limit of accuracy is nan, not a finite number"),
        ({"accuracy": 0.9}, "0.85", "the limit of accuracy is '0.85', not a finite number"),
        ({"accuracy": 0.9}, True, "the limit of accuracy is True, not a finite number"),
    ],
)
def test_what_cannot_be_judged_is_rejected_with_its_reason(metrics: Any, threshold: Any, reason: str) -> None:
    verdict = judge(metrics, {"accuracy": threshold})

    assert not verdict.approved
    assert verdict.summary == f"Rejected: {reason}"


def test_an_unknown_metric_is_rejected_even_when_the_evaluation_has_it() -> None:
    verdict = judge({"acuracy": 1.0}, {"acuracy": 0.5})

    assert verdict.lines[0].higher_is_better is None
    assert verdict.summary == "Rejected: acuracy is not a metric that can be judged"


values = st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans(), st.lists(st.integers()))


@given(st.dictionaries(st.sampled_from(sorted(catalogue.METRICS)), values), st.dictionaries(st.text(), values))
def test_only_finite_numbers_within_their_limits_are_approved(metrics: Any, more: Any) -> None:
    thresholds = {"accuracy": 0.85, "log_loss": 0.5} | more
    verdict = judge(metrics, thresholds)
    accuracy, loss = metrics.get("accuracy"), metrics.get("log_loss")
    good = type(accuracy) in (int, float) and type(loss) in (int, float) and 0.85 <= accuracy <= 1 and 0 <= loss <= 0.5

    assert verdict.approved is (good and not more)
    assert len(verdict.summary) <= 1000
    assert verdict.summary.isprintable()


def test_metrics_reads_both_schemas_by_the_catalogues_names() -> None:
    assert gate.metrics(document(accuracy=0.9, auc="NaN")) == {"accuracy": 0.9, "auc": "NaN"}
    multiclass = document("multiclass_classification_metrics", accuracy=0.9, weighted_recall=0.8)
    assert gate.metrics(multiclass) == {"accuracy": 0.9, "recall": 0.8}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b"3", b"{}", b"[" * 100_000, b'{"binary_classification_metrics": []}',
        b'{"binary_classification_metrics": {}, "multiclass_classification_metrics": {}}',
        b'{"ranking_metrics": {"ndcg": {"value": 1}}}', b"9" * 5000,
    ],
)  # fmt: skip
def test_an_unreadable_evaluation_is_an_evidence_fault(content: bytes) -> None:
    with pytest.raises(EvidenceError, match="Train the model again"):
        gate.metrics(content)


def test_entries_without_a_value_do_not_count() -> None:
    content = {"binary_classification_metrics": {"accuracy": 0.99, "auc": {"val": 1}, "f1": {"value": 0.5}}}

    assert gate.metrics(json.dumps(content).encode()) == {"f1": 0.5}


@pytest.mark.parametrize(
    ("text", "longest", "line"),
    [("a\nb\x1b[31m\u2028c", 99, "a b [31m c"), ("  a   b ", 99, "a b"), ("abcdefgh", 6, "abc..."), ("ż ó", 3, "ż ó")],
)
def test_one_line_removes_what_could_forge_a_log(text: str, longest: int, line: str) -> None:
    assert gate.one_line(text, longest) == line
