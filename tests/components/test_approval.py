"""Approval by metrics: which events call the function, what it is told, and which decisions it may write."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from ml import contract
from tests.harness import ROOT, Recorded

Record = Callable[..., Recorded]
EVENTS = ROOT / "tests/fixtures/events"
PENDING = json.loads((EVENTS / "model-package-pending.json").read_text())
ROLE = "Lambda-AutoApprove-Role"


def calls(run: Recorded, event: dict[str, Any]) -> bool:
    pattern = run.one("EventRule", "approval-registered").inputs["eventPattern"]
    return bool(EventPattern(pattern, json.loads(pattern)).matches_event(event))


def changed(**detail: str) -> dict[str, Any]:
    event = copy.deepcopy(PENDING)
    event["detail"].update(detail)
    return event


def test_the_pattern_is_the_briefs(recorded: Record) -> None:
    assert json.loads(recorded().one("EventRule", "approval").inputs["eventPattern"]) == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": ["ChurnPredictionModels"],
            "ModelApprovalStatus": ["PendingManualApproval"],
        },
    }


@pytest.mark.parametrize("status", ["Pending", "InProgress", "Completed"])
def test_an_undecided_version_calls_the_function_in_whatever_state_it_is(status: str, recorded: Record) -> None:
    assert calls(recorded(), changed(ModelPackageStatus=status))


@pytest.mark.parametrize(
    "event",
    [
        changed(ModelApprovalStatus="Approved"),
        changed(ModelApprovalStatus="Rejected"),
        changed(ModelPackageGroupName="ChurnPredictionModels-prod"),
        {**PENDING, "source": "my.sagemaker"},
        {**PENDING, "detail-type": "SageMaker Model State Change"},
    ],
    ids=["approved", "rejected", "other-group", "other-source", "other-type"],
)
def test_its_neighbours_do_not(event: dict[str, Any], recorded: Record) -> None:
    assert not calls(recorded(), event)


def test_the_function_is_told_its_group_limits_gate_and_mode(recorded: Record) -> None:
    changes = {
        "thresholds": {"accuracy": "0.9", "log_loss": 0.4},
        "gate": {"basis": "point", "confidence": 0.9},
        "approval": {"mode": "both"},
    }
    told = recorded("dev", changes).one("Function", "approval").inputs["environment"]["variables"]
    assert set(told) == {contract.MODEL_PACKAGE_GROUP, contract.THRESHOLDS, contract.APPROVAL_MODE, contract.GATE}
    assert told[contract.MODEL_PACKAGE_GROUP] == "ChurnPredictionModels"
    assert json.loads(told[contract.THRESHOLDS]) == {"accuracy": 0.9, "log_loss": 0.4}
    assert json.loads(told[contract.GATE]) == {"basis": "point", "confidence": 0.9, "championMargin": None}
    assert told[contract.APPROVAL_MODE] == "both"


def test_a_margin_that_is_not_set_is_told_as_none(recorded: Record) -> None:
    told = recorded().one("Function", "approval").inputs["environment"]["variables"]
    assert json.loads(told[contract.GATE])["championMargin"] is None
    assert told[contract.APPROVAL_MODE] == "automated"


@pytest.mark.parametrize(
    ("mode", "decisions"), [("automated", ["Approved", "Rejected"]), ("both", "Rejected")], ids=["automated", "both"]
)
def test_where_a_person_is_asked_too_the_function_may_only_reject(
    mode: str, decisions: object, recorded: Record
) -> None:
    grants = recorded("dev", {"approval": {"mode": mode}}).statements(ROLE)
    (update,) = [one for one in grants if "sagemaker:UpdateModelPackage" in one["Action"]]
    assert update["Condition"] == {"StringEquals": {"sagemaker:ModelApprovalStatus": decisions}}


def test_where_a_person_alone_decides_there_is_no_such_function_nor_its_role(recorded: Record) -> None:
    run = recorded("dev", {"approval": {"mode": "manual"}})
    assert [one for one in run.of("Function") if "approval" in one.name] == []
    assert "mle-004-model-registry-rule" not in {one.inputs["name"] for one in run.of("EventRule")}
    assert ROLE not in {one.inputs["name"] for one in run.of("Role")}


def test_the_sample_job_carries_what_the_pipeline_sends(recorded: Record) -> None:
    job = json.loads((EVENTS / "codepipeline-job.json").read_text())["CodePipeline.job"]["data"]
    (stage,) = [one for one in recorded().one("Pipeline").inputs["stages"] if one["name"] == "AutoApproval"]
    sent = stage["actions"][0]["configuration"]
    configuration = job["actionConfiguration"]["configuration"]
    assert configuration["FunctionName"] == sent["FunctionName"]
    assert json.loads(configuration["UserParameters"]).keys() == json.loads(sent["UserParameters"]).keys()
