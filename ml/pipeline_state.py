"""Read from CodePipeline what waits for a person, how it ended, and which version it is about. Nothing is decided here.

Shapes come from CodePipeline's API model. What it does not say was seen in events that others published: a comment
stands alone in the summary, and "Approved by <ARN>" or "Rejected by <ARN>" stands there where none was given.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml import contract

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient

IN_PROGRESS = "InProgress"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
MOST_PAGES = 10
"""Of a hundred actions each: more than one execution ever has, whatever is retried."""

_VERDICT = re.compile(r"(?:Approved|Rejected) by (?P<by>arn:\S+?)(?:: (?P<comment>.*))?", re.DOTALL)
_PERSON = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:\S+")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The approval that waits for a person now."""

    execution_id: str
    token: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One run of the action that waits for a person. `seconds`: from its start to its last change."""

    action_id: str
    status: str
    by: str
    comment: str
    error_code: str
    seconds: float

    @property
    def names_person(self) -> bool:
        """Whether CodePipeline says whose answer it was: the ARN of a user, or of a role that somebody had assumed."""
        return _PERSON.fullmatch(self.by) is not None


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What one execution has done: the version that it carries, if its build has ended, and its approvals so far."""

    package_arn: str
    """Empty until the train build has ended."""
    approvals: tuple[Approval, ...]
    """The latest first."""

    def approval(self, action_id: str = "") -> Approval | None:
        """Return the approval `action_id`, or the latest where none has that id; None until there is one."""
        chosen = (each for each in self.approvals if each.action_id == action_id)
        return next(chosen, self.approvals[0] if self.approvals else None)


def current_execution(codepipeline: "CodePipelineClient", pipeline: str) -> str:
    """Return the id of the execution that is in the approval stage, or was the last one there. Empty if none ever was.

    One execution at a time is in a stage: whoever runs inside the stage asks about itself.
    """
    stage = _approval_stage(codepipeline, pipeline)
    return str(stage.get("latestExecution", {}).get("pipelineExecutionId", ""))


def waiting(codepipeline: "CodePipelineClient", pipeline: str) -> Waiting | None:
    """Return the approval that waits now, if one does."""
    stage = _approval_stage(codepipeline, pipeline)
    action = _named(stage.get("actionStates", []), "actionName", contract.MANUAL_APPROVAL_ACTION)
    latest = action.get("latestExecution", {})
    if latest.get("status") != IN_PROGRESS or not latest.get("token"):
        return None
    return Waiting(
        execution_id=stage["latestExecution"]["pipelineExecutionId"],
        token=latest["token"],
        since=latest["lastStatusChange"],
    )


def execution(codepipeline: "CodePipelineClient", pipeline: str, execution_id: str) -> Execution:
    """Return what the execution has done so far."""
    latest = sorted(actions(codepipeline, pipeline, execution_id), key=lambda each: each["startTime"], reverse=True)
    return Execution(
        package_arn=_package_arn(latest),
        approvals=tuple(
            _approval(each)
            for each in latest
            if (each["stageName"], each["actionName"]) == (contract.APPROVAL_STAGE, contract.MANUAL_APPROVAL_ACTION)
        ),
    )


def _approval_stage(codepipeline: "CodePipelineClient", pipeline: str) -> Mapping[str, Any]:
    stages: Sequence[Mapping[str, Any]] = codepipeline.get_pipeline_state(name=pipeline)["stageStates"]
    return _named(stages, "stageName", contract.APPROVAL_STAGE)


def _named(found: Sequence[Mapping[str, Any]], key: str, name: str) -> Mapping[str, Any]:
    return next((each for each in found if each.get(key) == name), {})


def actions(codepipeline: "CodePipelineClient", pipeline: str, execution_id: str) -> Iterator[Mapping[str, Any]]:
    """Yield every run of an action in the execution, in no promised order."""
    following: dict[str, Any] = {}
    for _ in range(MOST_PAGES):
        page = codepipeline.list_action_executions(
            pipelineName=pipeline, filter={"pipelineExecutionId": execution_id}, **following
        )
        yield from page["actionExecutionDetails"]
        if not page.get("nextToken"):
            return
        following = {"nextToken": page["nextToken"]}


def _package_arn(actions: Sequence[Mapping[str, Any]]) -> str:
    """Return what the latest successful train build exported. A retried stage has built more than once."""
    for each in actions:
        place = each["stageName"], each["actionName"], each["status"]
        if place == (contract.BUILD_STAGE, contract.TRAIN_ACTION, SUCCEEDED):
            return str(each.get("output", {}).get("outputVariables", {}).get(contract.MODEL_PACKAGE_ARN, ""))
    return ""


def _approval(action: Mapping[str, Any]) -> Approval:
    result = action.get("output", {}).get("executionResult", {})
    summary = result.get("externalExecutionSummary", "")
    verdict = _VERDICT.fullmatch(summary)
    return Approval(
        action_id=action["actionExecutionId"],
        status=action["status"],
        by=action.get("updatedBy") or (verdict["by"] if verdict else ""),
        comment=(verdict["comment"] or "") if verdict else summary,
        error_code=result.get("errorDetails", {}).get("code", ""),
        seconds=(action["lastUpdateTime"] - action["startTime"]).total_seconds(),
    )
