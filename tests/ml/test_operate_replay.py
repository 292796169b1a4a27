"""A replay is the gate's own judgement of stored evidence, and its plot shows the same."""

import builtins
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import contract, gate, storage
from ml.entry import run
from ml.errors import InputError
from ml.operate import replay
from ml.operate.judged import Judged, bar
from ml.operate.plot import draw
from ml.operate.replay import Question
from tests.ml.operated_stack import aws, raising, stack, version


def document(accuracy: float, **interval: float) -> bytes:
    measured = {"confidence": 0.95, "metrics": {"accuracy": interval}} if interval else None
    content = {"binary_classification_metrics": {"accuracy": {"value": accuracy}}, "intervals": measured}
    return json.dumps(content).encode()


DOCUMENTS = {
    1: document(0.90, lower=0.86, upper=0.93),
    2: document(0.86, lower=0.82, upper=0.9),
    3: document(0.70, lower=0.66, upper=0.74),
}
STATUSES = {1: contract.APPROVED, 2: contract.APPROVED, 3: contract.REJECTED}


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three versions; `stored` is what the bucket holds now."""
    versions = [version(n, status=STATUSES[n], body=body) for n, body in DOCUMENTS.items()]
    stored = {f"evaluations/{storage.sha256(body)}/evaluation.json": body for body in DOCUMENTS.values()}
    monkeypatch.setattr(replay, "all_versions", lambda sagemaker, group: list(reversed(versions)))
    account = aws(sagemaker=None, s3=SimpleNamespace(get_object=lambda Bucket, Key: {"Body": io.BytesIO(stored[Key])}))

    def run(thresholds: dict[str, float], plot: Path | None = None, **changes: Any) -> Any:
        return replay.replay(account, stack(), Question.of(stack(), thresholds, changes), plot=plot)

    return SimpleNamespace(run=run, stored=stored, account=account)


@pytest.mark.parametrize(
    ("thresholds", "changes"),
    [({}, {}), ({"accuracy": 0.5}, {}), ({"accuracy": 0.95}, {}), ({"recall": 0.1}, {}), ({}, {"basis": "bound"})],
)
def test_the_table_is_the_gates_own_judgement(replayed: Any, thresholds: dict[str, float], changes: Any) -> None:
    question = Question.of(stack(), thresholds, changes)
    expected = [gate.judge_document(body, question.thresholds, question.rule) for body in DOCUMENTS.values()]

    rows = replayed.run(thresholds, **changes).rows
    assert [(row["would_be"], row["reason"]) for row in rows] == [(each.decision, each.summary) for each in expected]


def test_the_stacks_own_thresholds_and_rule_are_the_default(replayed: Any) -> None:
    assert Question.of(stack(), {}, {}).thresholds == {"accuracy": 0.85}
    strict = stack(gate={"basis": "bound", "confidence": 0.95, "championMargin": None})
    assert Question.of(strict, {}, {}).rule.basis == contract.BOUND
    assert replayed.run({}).extra["changed"] == []
    assert replayed.run({}, basis="bound").extra["changed"] == [2]
    assert replayed.run({"accuracy": 0.5}).extra["changed"] == [3]


def test_a_rule_that_the_gate_cannot_judge_by_is_the_gates_own_error(replayed: Any) -> None:
    with pytest.raises(InputError, match="names no basis"):
        replayed.run({}, basis="hope")


def test_a_second_line_about_a_metric_does_not_hide_its_value(replayed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a line holds the metric against the champion; the decision is the verdict's, the value the first line's."""
    judge = gate.judge_document

    def with_champion(body: bytes, *question: Any) -> gate.Verdict:
        [line] = judge(body, *question).lines
        worse = gate.Line(
            metric="accuracy", value=-0.1, limit=0.0, higher_is_better=True, passed=False, reason="worse than champion"
        )
        return gate.Verdict(lines=(line, worse))

    monkeypatch.setattr(gate, "judge_document", with_champion)
    rows = replayed.run({}).rows
    assert [row["accuracy"] for row in rows] == [0.90, 0.86, 0.70]
    assert {row["would_be"] for row in rows} == {contract.REJECTED}


def test_evidence_that_was_changed_or_is_absent_is_a_rejection_with_its_reason(replayed: Any) -> None:
    first, second, _ = replayed.stored
    replayed.stored[first] = document(0.99)
    rows = replayed.run({}).rows
    assert (rows[0]["would_be"], "is not the one registered" in rows[0]["reason"]) == (contract.REJECTED, True)
    assert rows[1]["would_be"] == contract.APPROVED


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket", "404"])
def test_evidence_that_is_gone_is_a_rejection(replayed: Any, code: str) -> None:
    replayed.account.client("s3").get_object = raising(code, "GetObject")
    assert {row["would_be"] for row in replayed.run({}).rows} == {contract.REJECTED}


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "SlowDown"])
def test_a_fault_of_aws_fails_the_replay_and_rejects_nothing(replayed: Any, code: str, capsys: Any) -> None:
    replayed.account.client("s3").get_object = raising(code, "GetObject")
    with pytest.raises(ClientError):
        replayed.run({})
    assert run(lambda: replayed.run({})) == 1
    assert f"GetObject: {code}" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_plot_is_written_and_the_same_each_time(replayed: Any, tmp_path: Path, suffix: str) -> None:
    files = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for file in files:
        answer = replayed.run({}, plot=file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert f"The plot is in {files[1]}" in answer.notes
    if suffix == ".svg":
        drawn = files[0].read_text()
        assert [f'id="version-{number}"' in drawn for number in (1, 2, 3, 4)] == [True, True, True, False]


def judged(**lines: gate.Line) -> Judged:
    return Judged(version=1, status=contract.APPROVED, would_be=contract.APPROVED, reason="", lines=lines)


def line(metric: str, value: object, limit: object) -> gate.Line:
    return gate.Line(metric=metric, value=value, limit=limit, higher_is_better=True, passed=True, reason="")


def test_what_cannot_be_drawn_is_told_with_the_repair(tmp_path: Path) -> None:
    good = [judged(accuracy=line("accuracy", 0.9, 0.8))]
    with pytest.raises(InputError, match="neither .svg nor .png"):
        draw(good, tmp_path / "replay.pdf", title="")
    with pytest.raises(InputError, match="no version has evidence"):
        draw([judged()], tmp_path / "replay.svg", title="")
    with pytest.raises(InputError, match="cannot be written"):
        draw(good, tmp_path / "nowhere/replay.svg", title="")


def test_without_matplotlib_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return original(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="python -m pip install matplotlib"):
        draw([judged(accuracy=line("accuracy", 0.9, 0.8))], tmp_path / "replay.svg", title="")


def test_a_value_that_is_no_number_is_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "replay.svg"
    draw([judged(accuracy=line("accuracy", "NaN", 0.8))], file, title="")
    assert 'id="version-1"' not in file.read_text()


@pytest.mark.parametrize(
    ("metric", "value", "limit", "drawn"),
    [
        ("accuracy", 1.0, 0.5, "###############|##############"),
        ("accuracy", 0.0, 1.0, "#............................|"),
        ("silhouette", 0.0, -1.0, "|###############.............."),
        ("rmse", 3.0, 4.0, ""),
        ("r2", 0.5, 0.7, ""),
        ("accuracy", "NaN", 0.5, ""),
        ("accuracy", 0.9, None, ""),
        ("unknown", 0.9, 0.5, ""),
    ],
)
def test_the_bar_shows_value_and_limit_in_the_metrics_range(
    metric: str, value: object, limit: object, drawn: str
) -> None:
    assert bar(line(metric, value, limit)) == drawn


def test_versions_come_oldest_first(replayed: Any) -> None:
    rows = replayed.run({}).rows
    assert [row["version"] for row in rows] == [1, 2, 3]
