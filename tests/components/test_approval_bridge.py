"""The bridge between pipeline and registry: what calls it, what it is told, and how little it may do."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from ml import contract
from tests.harness import ACCOUNT, REGION, ROOT, Recorded

Record = Callable[..., Recorded]
EVENTS = ROOT / "tests/fixtures/events"
STARTED = json.loads((EVENTS / "approval-started.json").read_text())
REJECTED = json.loads((EVENTS / "approval-rejected.json").read_text())
VERSION = json.loads((EVENTS / "model-package-pending.json").read_text())
ROLE = "Lambda-ApprovalBridge-Role"
PIPELINE = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:mle-004-model-registry-pipeline"


@pytest.fixture(params=["manual", "both"])
def run(request: pytest.FixtureRequest, recorded: Record) -> Recorded:
    return recorded("dev", {"approval": {"mode": request.param, "timeoutMinutes": 1440}})


def calling(run: Recorded, event: dict[str, Any]) -> list[str]:
    """Return which of the bridge's rules an event matches."""
    rules = [one for one in run.of("EventRule") if one.name.startswith("bridge-") and "eventPattern" in one.inputs]
    patterns = {one.name: one.inputs["eventPattern"] for one in rules}
    return [name for name, text in patterns.items() if EventPattern(text, json.loads(text)).matches_event(event)]


def changed(event: dict[str, Any], **detail: Any) -> dict[str, Any]:
    event = copy.deepcopy(event)
    event["detail"].update(detail)
    return event


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_a_decision_in_the_registry_calls_it(status: str, run: Recorded) -> None:
    assert calling(run, changed(VERSION, ModelApprovalStatus=status)) == ["bridge-decided-rule"]


@pytest.mark.parametrize("event", [STARTED, REJECTED], ids=["started", "rejected"])
def test_an_approval_that_waits_or_fails_calls_it(event: dict[str, Any], run: Recorded) -> None:
    assert calling(run, event) == ["bridge-asked-rule"]


@pytest.mark.parametrize(
    "event",
    [
        VERSION,
        changed(VERSION, ModelApprovalStatus="Approved", ModelPackageGroupName="ChurnPredictionModels-prod"),
        changed(STARTED, state="SUCCEEDED"),
        changed(STARTED, action="AutoApproval"),
        changed(STARTED, stage="Deploy"),
        changed(STARTED, pipeline="mle-004-model-registry-pipeline-prod"),
        {**STARTED, "source": "my.codepipeline"},
    ],
    ids=["pending", "other-group", "approved", "other-action", "other-stage", "other-pipeline", "other-source"],
)
def test_their_neighbours_do_not(event: dict[str, Any], run: Recorded) -> None:
    assert calling(run, event) == []


def test_the_clock_calls_it_every_five_minutes(run: Recorded) -> None:
    rule = run.one("EventRule", "bridge-age").inputs
    assert (rule["name"], rule["scheduleExpression"]) == ("mle-004-approval-age-rule", "rate(5 minutes)")
    assert "eventPattern" not in rule


def test_it_is_told_its_group_its_pipeline_and_how_long_an_approval_waits(run: Recorded) -> None:
    assert run.one("Function", "bridge").inputs["environment"]["variables"] == {
        contract.MODEL_PACKAGE_GROUP: "ChurnPredictionModels",
        contract.PIPELINE_NAME: "mle-004-model-registry-pipeline",
        contract.APPROVAL_TIMEOUT_MINUTES: "1440",
    }


def test_the_pipelines_timeout_is_the_one_that_it_is_told(run: Recorded) -> None:
    told = run.one("Function", "bridge").inputs["environment"]["variables"][contract.APPROVAL_TIMEOUT_MINUTES]
    actions = [one for stage in run.one("Pipeline").inputs["stages"] for one in stage["actions"]]
    assert [one["timeoutInMinutes"] for one in actions if one["name"] == "ManualApproval"] == [int(told)]


def test_it_may_read_one_pipeline_answer_one_action_and_decide_about_versions_and_no_more(run: Recorded) -> None:
    grants = {one["Sid"]: (one["Action"], one["Resource"]) for one in run.statements(ROLE)}
    versions = [
        f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{group}/*"
        for group in ("ChurnPredictionModels", "churnpredictionmodels")
    ]
    common = {"WriteFunctionLog", "TraceCalls", "KeepFailedEvents", "UseKeyThroughLambda"}
    assert {sid: grant for sid, grant in grants.items() if sid not in common} == {
        "ReadPipeline": (["codepipeline:GetPipelineState", "codepipeline:ListActionExecutions"], [PIPELINE]),
        "AnswerApproval": (["codepipeline:PutApprovalResult"], [f"{PIPELINE}/Approval/ManualApproval"]),
        "ReadVersions": (["sagemaker:DescribeModelPackage"], versions),
        "RecordDecisions": (["sagemaker:UpdateModelPackage"], versions),
        "AnswerPipelineJobs": (["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], ["*"]),
    }


def test_it_may_only_decide_and_change_nothing_else_of_a_version(run: Recorded) -> None:
    (update,) = [one for one in run.statements(ROLE) if one["Sid"] == "RecordDecisions"]
    assert update["Condition"] == {"StringEquals": {"sagemaker:ModelApprovalStatus": ["Approved", "Rejected"]}}


def test_where_nobody_is_asked_there_is_no_bridge_nor_its_role(recorded: Record) -> None:
    run = recorded("dev", {"approval": {"mode": "automated"}})
    assert [one for one in run.of("Function") if "bridge" in one.name] == []
    assert ROLE not in {one.inputs["name"] for one in run.of("Role")}
