"""One execution of the pipeline, followed to its end: what begins, what ends, what failed and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml import pipeline_state
from ml.errors import RoadError
from ml.gate import one_line
from ml.pipeline_state import FAILED, IN_PROGRESS

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient

HEARTBEAT_SECONDS = 60
"""Of silence at most, so that a person sees that it goes on."""

_RUNNING = frozenset({IN_PROGRESS, "Stopping"})
_LONGEST_CAUSE = 400
_ABANDONED = "Abandoned"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How an execution ended. `causes` has a line for each action that failed; none where all went well."""

    status: str
    causes: tuple[str, ...]


def follow(
    codepipeline: "CodePipelineClient",
    pipeline: str,
    execution_id: str,
    *,
    pauses: Iterable[float],
    say: Callable[[str], None],
) -> Ended:
    """Say what each action does until the execution has ended, and a word each minute in which none does anything.

    `pauses` yields the seconds waited so far. Raises RoadError when they are over before the execution is.
    """
    news = _News(say)
    waited = 0.0
    for waited in pauses:
        # The status first: what ended before it did is in the list that is asked for after.
        found = codepipeline.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution_id)
        status = str(found["pipelineExecution"]["status"])
        actions = sorted(pipeline_state.actions(codepipeline, pipeline, execution_id), key=lambda one: one["startTime"])
        news.tell(actions, status, waited)
        if status not in _RUNNING:
            summary = str(found["pipelineExecution"].get("statusSummary", ""))
            return Ended(status=status, causes=_causes(actions, status, summary))
    raise RoadError(
        f"execution {execution_id} of {pipeline} has not ended after {waited:.0f} s ({news.now}). It goes on: python -m"
        " ml status"
    )


@dataclass
class _News:
    """What has been said of each action, and when anything was said last."""

    say: Callable[[str], None]
    told: dict[str, str] = field(default_factory=dict)
    last: float = 0.0
    now: str = "no action has begun"

    def tell(self, actions: Iterable[Mapping[str, Any]], status: str, waited: float) -> None:
        """Say what is new, or that nothing is when the last word is a minute old."""
        lines = []
        for action in actions:
            said = self.told.get(action["actionExecutionId"])
            if said is None:
                lines.append(f"{_label(action)} begins")
            if action["status"] not in (said, IN_PROGRESS):
                lines.append(_end(action))
            self.told[action["actionExecutionId"]] = action["status"]
            self.now = f"{_label(action)} is {action['status']}"
        if not lines and waited - self.last >= HEARTBEAT_SECONDS:
            lines = [f"still {status} after {waited / HEARTBEAT_SECONDS:.0f} min: {self.now}"]
        for line in lines:
            self.say(line)
            self.last = waited


def _label(action: Mapping[str, Any]) -> str:
    return f"{action['stageName']}/{action['actionName']}"


def _end(action: Mapping[str, Any]) -> str:
    if action["status"] == FAILED:
        return _cause(action)
    seconds = (action["lastUpdateTime"] - action["startTime"]).total_seconds()
    return f"{_label(action)} ends: {action['status']} after {seconds:.0f} s"


def _cause(action: Mapping[str, Any]) -> str:
    """Return what CodePipeline says of a failed action, and where there is more about it."""
    result = action.get("output", {}).get("executionResult", {})
    details = result.get("errorDetails", {})
    summary = result.get("externalExecutionSummary", "")
    words = [details.get("code", ""), details.get("message", ""), "" if summary == details.get("message") else summary]
    said = ": ".join(word for word in words if word) or "CodePipeline gives no reason"
    link = result.get("externalExecutionUrl", "")
    return f"{_label(action)} failed: {one_line(said, _LONGEST_CAUSE)}" + (f" ({link})" if link else "")


def _causes(actions: Iterable[Mapping[str, Any]], status: str, summary: str) -> tuple[str, ...]:
    """Return why the execution did not succeed. An action that was retried counts by its latest run."""
    if status == pipeline_state.SUCCEEDED:
        return ()
    latest = {_label(action): action for action in actions}
    failed = [_cause(action) for action in latest.values() if action["status"] == FAILED]
    failed += [f"{label} was abandoned" for label, action in latest.items() if action["status"] == _ABANDONED]
    return tuple(failed) or ((one_line(summary, _LONGEST_CAUSE),) if summary else ())
