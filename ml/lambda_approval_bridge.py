"""Bridge: keep the pipeline's approval and the registry's status in step, whichever of the two a person has used.

Four callers: the pipeline's job after an approval, the registry's event about a decision, the pipeline's event about an
approval that starts or fails, and a schedule. Each may come late, repeatedly and before what it tells of can be read:
what an event claims counts for nothing, and the first decision in the registry stands.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ml import approval_event, approved_version, contract, pipeline_job, pipeline_state, registry, registry_event
from ml.approval_event import ApprovalEvent
from ml.errors import InputError, RoadError
from ml.function_entry import Place, client, log, make_ahead
from ml.gate import one_line
from ml.pipeline_job import NOT_DECIDED, Result
from ml.pipeline_state import Approval, Waiting

SCHEDULE = ("aws.events", "Scheduled Event")
VISIBLE_SECONDS = 20
"""How long CodePipeline's answers may lag behind its events before the invocation is given back to Lambda to retry."""
LONGEST_SUMMARY = 512
RELAYED = "Decided in the registry: "
"""How the summaries begin that this function gives to approvals: they are no person's decision in the pipeline."""
ANSWERED = frozenset({"ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"})
PERSONS_CODES = frozenset({"", "JobFailed"})
"""With any other code nobody was even asked. Seen for a rejection, in events that others published: JobFailed."""
TIMEOUT_MARGIN_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Home:
    """What the function serves."""

    place: Place
    group: str
    pipeline: str
    timeout_minutes: int

    @classmethod
    def read(cls, environment: Mapping[str, str], context: Any) -> "Home":
        """Return what the environment and Lambda's context name."""
        return cls(
            place=Place.of(context),
            group=environment[contract.MODEL_PACKAGE_GROUP],
            pipeline=environment[contract.PIPELINE_NAME],
            timeout_minutes=int(environment[contract.APPROVAL_TIMEOUT_MINUTES]),
        )

    def describe(self, arn: str) -> Mapping[str, Any]:
        """Return the registry's description of the version. Raises InputError for one of another group or place."""
        self.place.check(arn, self.group)
        return registry.describe(client("sagemaker"), arn)


def handler(event: object, context: Any) -> Result:
    """Answer one invocation and return what was done. Called by Lambda; `event` is never logged.

    A pipeline job always gets a result. An event that cannot be followed raises, so that Lambda tries again and then
    puts it into the dead-letter queue.
    """
    if pipeline_job.is_job(event):
        return pipeline_job.answer(
            client("codepipeline"),
            event,
            lambda arn: _record(Home.read(os.environ, context), arn),
            passing=frozenset({contract.APPROVED}),
        )
    home = Home.read(os.environ, context)
    kind = (event.get("source"), event.get("detail-type")) if isinstance(event, dict) else None
    if kind == (registry_event.SOURCE, registry_event.DETAIL_TYPE):
        return _follow_registry(home, registry_event.package_arn(event))
    if isinstance(event, dict) and kind == (approval_event.SOURCE, approval_event.DETAIL_TYPE):
        seen = approval_event.parse(event, home.pipeline)
        return _meet(home, seen) if seen.state == approval_event.STARTED else _follow_rejection(home, seen)
    if kind == SCHEDULE:
        return _measure(home)
    raise InputError("the event is of no kind that this function follows. Invoke it by its rules or its pipeline")


# --- from the pipeline to the registry -------------------------------------------------------------------------------


def _record(home: Home, arn: str) -> Result:
    """Write the approval that the pipeline's person gave, unless the registry has decided."""
    standing = registry.standing(home.describe(arn))
    if standing.status == contract.PENDING:
        reason = _words(contract.APPROVED, _approval_for(home, arn))
        standing = registry.set_status(client("sagemaker"), arn, contract.APPROVED, reason)
    return _done(arn, standing.status, standing.wording, trigger="job")


def _approval_for(home: Home, arn: str) -> Approval:
    """Return the approval that this job's execution has got. Raises RoadError unless a person gave it to this version.

    The job does not name its execution; it runs in the approval stage, which one execution at a time is in.
    """
    execution_id = pipeline_state.current_execution(client("codepipeline"), home.pipeline)
    if not execution_id:
        raise RoadError(f"{home.pipeline} has no execution in its approval stage. Start the pipeline")
    approval, package_arn = _ended(home, execution_id)
    if not _is_same(package_arn, arn):
        raise RoadError(f"{arn} is not what execution {execution_id} carries. Start the pipeline again")
    if approval.status != pipeline_state.SUCCEEDED or approval.comment.startswith(RELAYED):
        raise RoadError(f"{arn}: no person's approval stands any more. Decide in the registry, then retry the stage")
    return approval


def _follow_rejection(home: Home, seen: ApprovalEvent) -> Result:
    """Write the rejection that the pipeline's person gave. A timeout or a failure to ask leaves the version pending."""
    approval, arn = _ended(home, seen.execution_id, seen.action_id)
    if not _is_rejection(approval, home.timeout_minutes):
        return _done(arn, NOT_DECIDED, f"the approval is {approval.status}, and no person rejected it", trigger="event")
    home.place.check(arn, home.group)
    reason = _words(contract.REJECTED, approval)
    standing = registry.set_status(client("sagemaker"), arn, contract.REJECTED, reason)
    return _done(arn, standing.status, standing.wording, trigger="event")


def _is_rejection(approval: Approval, timeout_minutes: int) -> bool:
    """Whether a person rejected. How CodePipeline shows a timeout is not documented: every sign must say a person."""
    return (
        approval.status == pipeline_state.FAILED
        and approval.names_person
        and approval.error_code in PERSONS_CODES
        and approval.seconds < timeout_minutes * 60 - TIMEOUT_MARGIN_SECONDS
        and not approval.comment.startswith(RELAYED)
    )


def _words(status: str, approval: Approval) -> str:
    who = approval.by if approval.names_person else "somebody whom CodePipeline does not name"
    return f"{status} by {who}: {approval.comment}" if approval.comment else f"{status} by {who}"


def _ended(home: Home, execution_id: str, action_id: str = "") -> tuple[Approval, str]:
    """Return the approval once it shows as ended, and its version. Raises RoadError when it does not in time."""
    codepipeline = client("codepipeline")
    for _ in registry.growing_pauses(VISIBLE_SECONDS):
        execution = pipeline_state.execution(codepipeline, home.pipeline, execution_id)
        approval = execution.approval(action_id)
        if approval and approval.status != pipeline_state.IN_PROGRESS and execution.package_arn:
            return approval, execution.package_arn
    raise RoadError(f"execution {execution_id} does not show how its approval ended. Retry")


# --- from the registry to the pipeline -------------------------------------------------------------------------------


def _follow_registry(home: Home, arn: str) -> Result:
    """Answer the approval that waits for exactly this version, if one does."""
    description = home.describe(arn)
    if description["ModelApprovalStatus"] == contract.PENDING:
        return _done(arn, NOT_DECIDED, "the version waits for a decision", trigger="event")
    waiting = pipeline_state.waiting(client("codepipeline"), home.pipeline)
    carried = _package_arn(home, waiting) if waiting else ""
    if not waiting or not carried or not _is_same(carried, arn):
        return _done(arn, description["ModelApprovalStatus"], "no approval waits for this version", trigger="event")
    return _relay(home, waiting, arn, description)


def _meet(home: Home, seen: ApprovalEvent) -> Result:
    """Answer an approval that starts, if the registry has decided before: a version released again, or a quick person.

    Raises RoadError when the approval does not show in time.
    """
    codepipeline = client("codepipeline")
    for _ in registry.growing_pauses(VISIBLE_SECONDS):
        waiting = pipeline_state.waiting(codepipeline, home.pipeline)
        execution = pipeline_state.execution(codepipeline, home.pipeline, seen.execution_id)
        approval = execution.approval(seen.action_id)
        if waiting and waiting.execution_id == seen.execution_id and execution.package_arn:
            return _catch_up(home, waiting, execution.package_arn, trigger="event")
        if approval and approval.status != pipeline_state.IN_PROGRESS:
            return _done(execution.package_arn, NOT_DECIDED, "the approval has ended meanwhile", trigger="event")
    raise RoadError(f"execution {seen.execution_id} does not show its approval. Retry")


def _measure(home: Home) -> Result:
    """Log how long an approval has waited, and make up for a decision whose event was lost."""
    waiting = pipeline_state.waiting(client("codepipeline"), home.pipeline)
    age = (_now() - waiting.since).total_seconds() if waiting else 0
    log({contract.APPROVAL_AGE: max(0, round(age))})
    arn = _package_arn(home, waiting) if waiting else ""
    if not waiting or not arn:
        return {"modelPackageArn": arn, "decision": NOT_DECIDED, "reason": "no approval waits"}
    return _catch_up(home, waiting, arn, trigger="schedule")


def _catch_up(home: Home, waiting: Waiting, arn: str, *, trigger: str) -> Result:
    description = home.describe(arn)
    if description["ModelApprovalStatus"] == contract.PENDING:
        return _done(arn, NOT_DECIDED, "the approval waits for a person", trigger=trigger)
    return _relay(home, waiting, arn, description, trigger=trigger)


def _package_arn(home: Home, waiting: Waiting) -> str:
    return pipeline_state.execution(client("codepipeline"), home.pipeline, waiting.execution_id).package_arn


def _relay(home: Home, waiting: Waiting, arn: str, description: Mapping[str, Any], *, trigger: str = "event") -> Result:
    """Give the waiting approval the registry's decision. One that somebody has answered meanwhile is left alone."""
    standing = registry.standing(description)
    summary = one_line(RELAYED + registry.decision_words(description), LONGEST_SUMMARY)
    try:
        client("codepipeline").put_approval_result(
            pipelineName=home.pipeline,
            stageName=contract.APPROVAL_STAGE,
            actionName=contract.MANUAL_APPROVAL_ACTION,
            token=waiting.token,
            result={"status": standing.status, "summary": summary},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ANSWERED:
            raise
        return _done(arn, standing.status, "somebody has answered the approval meanwhile", trigger=trigger)
    return _done(arn, standing.status, f"answered the approval of execution {waiting.execution_id}", trigger=trigger)


def _is_same(one: str, other: str) -> bool:
    return approved_version.is_same(registry.parse_model_package_arn(one), registry.parse_model_package_arn(other))


# --- what is said ----------------------------------------------------------------------------------------------------


def _done(arn: str, decision: str, reason: str, *, trigger: str) -> Result:
    result = {"modelPackageArn": arn, "decision": decision, "reason": one_line(reason, pipeline_job.LONGEST_MESSAGE)}
    log(result | {"trigger": trigger})
    return result


def _now() -> datetime:
    return datetime.now(UTC)


make_ahead(os.environ, "sagemaker", "codepipeline")
