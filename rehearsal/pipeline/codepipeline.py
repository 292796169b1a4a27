"""CodePipeline: run the provisioned declaration, stage by stage, in SUPERSEDED mode.

Ours: the executor itself. Not rehearsed: the execution that AWS starts by itself when a pipeline is created, which
fails at Source because the new repository is empty; stops, rollbacks and disabled transitions.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.account.calls import AwsError, Caller, caller_arn
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.action_runner import ActionRunner
from rehearsal.pipeline.answers import AnswerDesk
from rehearsal.pipeline.code_host import CodeHost, Push
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.events import EventBus
from rehearsal.pipeline.pipeline_action import Builds, Limits, Surroundings
from rehearsal.pipeline.pipeline_api import PipelineApi, described
from rehearsal.pipeline.pipeline_doors import Doors
from rehearsal.pipeline.pipeline_events import StateEvents
from rehearsal.pipeline.pipeline_records import (
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    SUPERSEDED,
    ActionRun,
    Execution,
    Trigger,
)
from rehearsal.pipeline.pipeline_triggers import starting_connection
from rehearsal.pipeline.pipeline_variables import PIPELINE_NAMESPACE, VARIABLES_NAMESPACE, started_with

__all__ = ["ActionRun", "Execution", "Limits", "PipelineExecutor", "Sources"]

_ALL_ACTIONS = "ALL_ACTIONS"
_START_PARAMETERS = frozenset({"name", "variables", "clientRequestToken"})


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where source actions find their commits: CodeCommit's repositories, and the code host behind connections."""

    repositories: Repositories
    code_host: CodeHost


class PipelineExecutor:
    """Runs every pipeline of the account, each execution in a thread of its own."""

    def __init__(
        self, cloud: Cloud, bus: EventBus, sources: Sources, builds: Builds, *, limits: Limits | None = None
    ) -> None:
        self._cloud = cloud
        self._events = StateEvents(cloud, bus)
        self._code_host = sources.code_host
        self._desk = AnswerDesk()
        self._changed = threading.Condition()
        around = Surroundings(
            cloud=cloud,
            repositories=sources.repositories,
            code_host=sources.code_host,
            builds=builds,
            desk=self._desk,
            limits=limits or Limits(),
            changed=self._changed,
        )
        self._actions = ActionRunner(around, self._events)
        self._executions: list[Execution] = []
        self._by_token: dict[str, Execution] = {}
        self._doors = Doors()
        cloud.operation("codepipeline", "StartPipelineExecution", self._start)
        cloud.operation("codepipeline", "RetryStageExecution", self._retry)
        sources.code_host.on_push(self._pushed)
        PipelineApi(cloud, self._desk, self.executions).install()

    def executions(self) -> tuple[Execution, ...]:
        """Return every execution, oldest first. The records go on changing while an execution runs."""
        with self._changed:
            return tuple(self._executions)

    def wait(self, execution_id: str, timeout_seconds: float) -> Execution:
        """Return the execution when it has ended. Raises KeyError if unknown, TimeoutError."""
        with self._changed:
            execution = self._known(execution_id)
            if not self._changed.wait_for(lambda: execution.status != IN_PROGRESS, timeout_seconds):
                raise TimeoutError(f"execution {execution_id} still runs after {timeout_seconds} s")
            return execution

    def wait_for_approval(self, execution_id: str, timeout_seconds: float) -> ActionRun | None:
        """Return the action that has asked a person and waits; None when the execution ended before it asked.

        Raises KeyError if the execution is unknown, TimeoutError.
        """
        with self._changed:
            execution = self._known(execution_id)
            ready = self._changed.wait_for(
                lambda: execution.status != IN_PROGRESS or _open_approval(execution) is not None, timeout_seconds
            )
            if not ready:
                raise TimeoutError(f"execution {execution_id} asked nobody within {timeout_seconds} s")
            return _open_approval(execution)

    def expire_approval(self, run: ActionRun) -> None:
        """Let the time of a waiting approval be over, as if nobody had answered until then."""
        self._desk.expire(run.token)

    def _known(self, execution_id: str) -> Execution:
        execution = next((each for each in self._executions if each.id == execution_id), None)
        if execution is None:
            raise KeyError(execution_id)
        return execution

    # --- what starts an execution ------------------------------------------------------------------------------------

    def _start(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        if unknown := params.keys() - _START_PARAMETERS:
            raise NotImplementedError(f"StartPipelineExecution with {', '.join(sorted(unknown))}")
        trigger = Trigger(type="StartPipelineExecution", detail=caller_arn(self._cloud.account, caller))
        declaration = described(self._cloud, params["name"])["pipeline"]
        execution = _new(declaration, params.get("variables", []), trigger)
        with self._changed:
            # The same request, sent again, is answered with the execution that it has already started.
            first = self._by_token.setdefault(params.get("clientRequestToken", execution.id), execution)
            if first is execution:
                self._begin(execution)
        return {"pipelineExecutionId": first.id}

    def _retry(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        """Run every action of a failed stage again, in the same execution, and go on from there.

        Raises AwsError StageNotRetryableException for a stage that has not failed (API reference, RetryStageExecution).
        """
        if params["retryMode"] != _ALL_ACTIONS:
            raise NotImplementedError(f"RetryStageExecution with {params['retryMode']}")
        name, stage = params["pipelineExecutionId"], params["stageName"]
        with self._changed:
            execution = next((each for each in self._executions if each.id == name), None)
            if execution is None or (execution.status, execution.stage_status(stage)) != (FAILED, FAILED):
                raise AwsError("StageNotRetryableException", f"{stage} has not failed in execution {name}.")
            execution.resume(stage)
            self._approach(execution, stage)
        self._continue(execution, stage)
        return {"pipelineExecutionId": name}

    def _pushed(self, push: Push) -> None:
        """Start every pipeline that a trigger, or the detection of changes, ties to the pushed branch."""
        for listed in self._cloud.client("codepipeline").list_pipelines()["pipelines"]:
            declaration = described(self._cloud, listed["name"])["pipeline"]
            connection = starting_connection(declaration, push)
            if connection is not None:
                execution = _new(declaration, [], self._pushed_by(push, connection))
                with self._changed:
                    self._begin(execution)

    def _pushed_by(self, push: Push, connection: str) -> Trigger:
        """Return the trigger of a push. What AWS writes as its detail is not documented."""
        told = {
            **self._code_host.author(push.repository, push.commit),
            "full-repository-name": push.repository,
            "branch-name": push.branch,
            "commit-id": push.commit,
            "connection-arn": connection,
        }
        return Trigger(type="WebhookV2", detail=connection, commit=told)

    def _begin(self, execution: Execution) -> None:
        self._executions.append(execution)
        self._events.pipeline(execution)
        first = execution.declaration["stages"][0]["name"]
        self._approach(execution, first)
        self._continue(execution, first)

    def _continue(self, execution: Execution, stage: str) -> None:
        name = f"pipeline {execution.pipeline}"
        threading.Thread(target=self._run, args=(execution, stage), name=name, daemon=True).start()

    # --- an execution ------------------------------------------------------------------------------------------------

    def _run(self, execution: Execution, first: str) -> None:
        declared = execution.declaration["stages"]
        stages = declared[[stage["name"] for stage in declared].index(first) :]
        following = [*(stage["name"] for stage in stages[1:]), None]
        for stage, next_stage in zip(stages, following, strict=True):
            if not self._admitted(execution, stage["name"]):
                return
            succeeded = self._run_stage(execution, stage)
            with self._changed:
                # In one step, so that nobody overtakes between the two doors.
                if not succeeded:
                    execution.finish(FAILED, f"stage {stage['name']} failed")
                elif next_stage is None:
                    execution.finish(SUCCEEDED, "")
                else:
                    self._approach(execution, next_stage)
                self._doors.leave(execution, stage["name"])
                if execution.status != IN_PROGRESS:
                    self._events.pipeline(execution)
                self._changed.notify_all()
            if not succeeded:
                return

    def _approach(self, execution: Execution, stage: str) -> None:
        superseded = self._doors.approach(execution, stage)
        if superseded is not None:
            superseded.finish(SUPERSEDED, f"superseded by {execution.id} before stage {stage}")
            self._events.pipeline(superseded)
            self._cloud.progress.note(stage, f"{superseded.id[:8]} superseded by {execution.id[:8]}")
            self._changed.notify_all()

    def _admitted(self, execution: Execution, stage: str) -> bool:
        """Wait at the stage's door. Whoever is inside has deadlines of its own, so this ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._doors.is_inside(execution, stage) or execution.status != IN_PROGRESS)
            return execution.status == IN_PROGRESS

    def _run_stage(self, execution: Execution, stage: Mapping[str, Any]) -> bool:
        """Run one group of actions after the other, by run order, up to the first in which one fails."""
        name, started = stage["name"], datetime.now(UTC)
        self._events.stage(execution, name, IN_PROGRESS, started=started)
        orders = sorted({action["runOrder"] for action in stage["actions"]})
        groups = ([action for action in stage["actions"] if action["runOrder"] == order] for order in orders)
        succeeded = all(self._actions.run_group(execution, name, group) for group in groups)
        self._events.stage(execution, name, SUCCEEDED if succeeded else FAILED, started=started)
        return succeeded


def _new(declaration: Mapping[str, Any], variables: Sequence[Mapping[str, str]], trigger: Trigger) -> Execution:
    """Return an execution that has not begun. Raises AwsError for variables that the pipeline does not take."""
    values = started_with(declaration, variables)
    execution = Execution(pipeline=declaration["name"], declaration=declaration, trigger=trigger)
    execution.variables[PIPELINE_NAMESPACE] = {"PipelineExecutionId": execution.id}
    execution.variables[VARIABLES_NAMESPACE] = values
    return execution


def _open_approval(execution: Execution) -> ActionRun | None:
    return next((run for run in execution.actions if run.asked and run.status == IN_PROGRESS), None)
