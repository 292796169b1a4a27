"""What a person reads at the end of a rehearsal, and how a program reads it."""

import dataclasses
import json
from typing import Any

import pytest

from rehearsal.console import Console
from rehearsal.report import Act, Proof, Report, RoleUse, Step


def report(**changes: Any) -> Report:
    step = Step(stage="Build", action="TrainModel", status="Failed", seconds=2.04, message="error: no column 'gone'")
    act = Act(
        title="A first model",
        commit="0123456789abcdef",
        status="Failed",
        seconds=3.0,
        steps=[step],
        decision="Rejected: accuracy 0.684 is below 0.85",
        prediction="label 1, probability 0.97",
        proofs=[Proof(claim="the push went live", holds=False, detail="it did not")],
    )
    use = RoleUse(role="CodeBuildTrainRole", allowed=7, denied=1, grants=12, unused=["StoreModel: s3:GetObject on b"])
    plain: dict[str, Any] = {"acts": [act], "roles": [use], "proofs": [], "explained": [], "seconds": 4.0}
    return Report(**{**plain, "grants_judged": True, **changes})


def shown(told: Report, capsys: pytest.CaptureFixture[str]) -> str:
    Console(started=0.0).show(told)
    return capsys.readouterr().out


def test_stages_decision_prediction_calls_and_claims_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(report(), capsys)

    for word in (
        "0123456",
        "TrainModel",
        "2.0",
        "error: no column 'gone'",
        "Rejected: accuracy 0.684 is below 0.85",
        "label 1, probability 0.97",
        "CodeBuildTrainRole",
        "StoreModel: s3:GetObject on b",
        "the push went live",
        "The road does not hold",
    ):
        assert word in text


def test_what_others_wrote_is_shown_letter_for_letter(capsys: pytest.CaptureFixture[str]) -> None:
    """A build's message, a person's comment and what was seen: no markup, and no picture."""
    foreign = "[red]no :key:[/x]"
    told = report()
    act = told.acts[0]
    step = dataclasses.replace(act.steps[0], message=f"step {foreign}")
    proof = Proof(claim=f"claim {foreign}", holds=True, detail=f"detail {foreign}")
    texts = {"title": f"act {foreign}", "decision": f"decision {foreign}", "prediction": f"prediction {foreign}"}
    text = shown(report(acts=[dataclasses.replace(act, steps=[step], **texts)], proofs=[proof]), capsys)
    Console(started=0.0).note("where", f"note {foreign}")
    Console(started=0.0).tell(f"heading {foreign}", [f"line {foreign}"])

    for kind in ("act", "step", "decision", "prediction", "claim", "detail"):
        assert f"{kind} {foreign}" in text
    after = capsys.readouterr().out
    assert [kind for kind in ("note", "heading", "line") if f"{kind} {foreign}" not in after] == []


def test_unused_grants_are_not_spoken_of_where_not_every_act_was_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert "never used" not in shown(report(grants_judged=False), capsys)


def test_a_note_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Console(started=0.0).note("train-model", "word " * 100)

    assert capsys.readouterr().out.count("\n") == 1


def test_a_rehearsal_that_proved_nothing_has_not_succeeded() -> None:
    assert not report(acts=[], proofs=[]).succeeded
    assert report(acts=[], proofs=[Proof(claim="c", holds=True, detail="")]).succeeded


def test_the_report_for_machines_is_json_with_its_verdict() -> None:
    told = json.loads(json.dumps(report().as_dict()))

    assert told["succeeded"] is False
    assert told["acts"][0]["steps"][0]["stage"] == "Build"
