"""The events that CodePipeline sends when an execution, a stage or an action changes its state.

Source: CodePipeline user guide, "Monitoring CodePipeline events" (samples of emitted events); for approvals, events of
a real account that the public repository quicken/aws-meerkat keeps as test data.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.events import EventBus
from rehearsal.pipeline.pipeline_records import FAILED, IN_PROGRESS, SUCCEEDED, SUPERSEDED, ActionRun, Execution

_SOURCE = "aws.codepipeline"
_STATES = {IN_PROGRESS: "STARTED", SUCCEEDED: "SUCCEEDED", FAILED: "FAILED", SUPERSEDED: "SUPERSEDED"}


class StateEvents:
    """Tells the bus about every change of state, at least once, as CodePipeline promises."""

    def __init__(self, cloud: Cloud, bus: EventBus) -> None:
        self._cloud = cloud
        self._bus = bus

    def pipeline(self, execution: Execution) -> None:
        """Say how the execution stands now."""
        detail: dict[str, Any] = {"state": _STATES[execution.status], "start-time": _moment(execution.started)}
        trigger = execution.trigger
        if trigger.commit:
            detail["execution-trigger"] = dict(trigger.commit)
        elif execution.status == IN_PROGRESS:
            detail["execution-trigger"] = {"trigger-type": trigger.type, "trigger-detail": trigger.detail}
        self._emit("Pipeline", execution, detail)

    def stage(self, execution: Execution, stage: str, status: str, *, started: datetime) -> None:
        """Say that the stage, which started then, now has this status."""
        detail = {"stage": stage, "state": _STATES[status], "start-time": _moment(started)}
        self._emit("Stage", execution, detail)

    def action(self, execution: Execution, run: ActionRun) -> None:
        """Say how the action stands now; a finished one with its result, as the provider words it."""
        detail: dict[str, Any] = {
            "stage": run.stage,
            "action": run.name,
            "action-execution-id": run.id,
            "start-time": _moment(run.started),
            "state": _STATES[run.status],
            "region": self._cloud.region,
            "type": dict(run.declaration["actionTypeId"]),
        }
        if run.status != IN_PROGRESS:
            detail["execution-result"] = _result(run)
        which = {IN_PROGRESS: "input", SUCCEEDED: "output"}.get(run.status)
        names = [artifact["name"] for artifact in run.declaration[f"{which}Artifacts"]] if which else []
        if names:
            detail[f"{which}-artifacts"] = _places(execution, names)
        self._emit("Action", execution, detail)

    def _emit(self, level: str, execution: Execution, detail: Mapping[str, Any]) -> None:
        arn = f"arn:aws:codepipeline:{self._cloud.region}:{self._cloud.account}:{execution.pipeline}"
        common = {
            "pipeline": execution.pipeline,
            "execution-id": execution.id,
            "version": float(execution.declaration["version"]),
            "pipeline-execution-attempt": 1.0,
        }
        self._bus.emit_at_least_once(
            _SOURCE, f"CodePipeline {level} Execution State Change", {**common, **detail}, [arn]
        )


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _result(run: ActionRun) -> dict[str, str]:
    told = {
        "external-execution-summary": run.summary,
        "external-execution-id": run.external_id,
        "error-code": run.error_code,
    }
    return {key: value for key, value in told.items() if value}


def _places(execution: Execution, names: Iterable[str]) -> list[dict[str, Any]]:
    places = {name: execution.artifacts[name] for name in names}
    return [{"name": name, "s3location": {"bucket": at.bucket, "key": at.key}} for name, at in places.items()]
