"""The whole road, walked: what a person sees in a rehearsal, and that nothing starts it without its trigger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.errors import RoadError
from rehearsal.account.calls import Call
from rehearsal.account.iam import Policy
from rehearsal.grants import never_used
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import make_plan
from rehearsal.provision.provisioner import RoleAction
from rehearsal.report import Report
from rehearsal.road import open_road
from rehearsal.scenario import ALL_ACTS, Scene
from rehearsal.summary import summary
from rehearsal.unused_grants import REASONS, reason_for
from tests.silence import Silent


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    report: Report
    policies: Mapping[str, Sequence[Policy]]
    calls: Sequence[Call]


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """The three acts of `make rehearse`, once for every test that asks what they showed."""
    plan = make_plan("dev")
    with open_road(plan, work=tmp_path_factory.mktemp("road"), progress=Silent()) as road:
        scene = Scene(road=road, use_case=plan.use_case, heading=lambda text: None)
        acts = [act(scene) for act in ALL_ACTS]
        report = summary(road, acts, started=0.0)
        return Rehearsed(report=report, policies=road.policies(), calls=road.cloud.journal.calls())


# --- the three acts --------------------------------------------------------------------------------------------------


def test_every_claim_of_the_rehearsal_holds(rehearsed: Rehearsed) -> None:
    failed = [f"{proof.claim}: {proof.detail}" for proof in rehearsed.report.all_proofs if not proof.holds]

    assert failed == []
    assert len(rehearsed.report.all_proofs) == 11


def test_the_acts_end_as_a_person_would_expect(rehearsed: Rehearsed) -> None:
    first, second, weak = rehearsed.report.acts

    assert [act.status for act in (first, second, weak)] == [SUCCEEDED, SUCCEEDED, FAILED]
    assert [step.stage for step in first.steps] == ["Source", "Build", "AutoApproval", "Deploy"]
    assert "accuracy" in weak.decision
    assert "below 0.85" in weak.decision
    assert "is below 0.85" in weak.steps[-1].message


def test_every_grant_is_needed_or_has_its_reason(rehearsed: Rehearsed) -> None:
    unused = never_used(rehearsed.policies, rehearsed.calls)

    assert [grant for grant in unused if not reason_for(grant)] == []


def test_no_reason_is_stale(rehearsed: Rehearsed) -> None:
    unused = never_used(rehearsed.policies, rehearsed.calls)

    judged = [reason for reason in REASONS if not reason.only_with]
    assert [reason.text for reason in judged if not any(reason.covers(grant) for grant in unused)] == []


def test_every_role_of_the_program_took_part(rehearsed: Rehearsed) -> None:
    assert {use.role: use.denied for use in rehearsed.report.roles} == dict.fromkeys(
        (
            "CodeBuildDeployRole",
            "CodeBuildTrainRole",
            "CodePipeline-MLE-004-Role",
            "EventBridge-MLE-004-Role",
            "Lambda-AutoApprove-Role",
            "SageMaker-MLE-004-Role",
        ),
        0,
    )
    assert all(use.allowed for use in rehearsed.report.roles)


# --- one grant less --------------------------------------------------------------------------------------------------


def test_a_push_starts_nothing_without_the_trigger_roles_only_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.road.START_TIMEOUT_SECONDS", 2)
    plan = make_plan(
        "dev", without=RoleAction(role="EventBridge-MLE-004-Role", action="codepipeline:StartPipelineExecution")
    )
    with (
        open_road(plan, work=tmp_path, progress=Silent()) as road,
        pytest.raises(RoadError, match="started no pipeline execution"),
    ):
        road.push("Nobody listens")
