"""CodePipeline: run the provisioned declaration, stage by stage, in SUPERSEDED mode.

Ours: the executor itself. Not rehearsed: the execution that AWS starts by itself when a pipeline is created, which
fails at Source because the new repository is empty; retries, stops, rollbacks and disabled transitions.
"""

import threading
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.account.calls import AwsError, Caller
from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.answers import AnswerDesk
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.pipeline_action import Action, Builds, Limits, Outcome, Surroundings
from rehearsal.pipeline.pipeline_actions import ACTIONS
from rehearsal.pipeline.pipeline_api import PipelineApi, described
from rehearsal.pipeline.pipeline_declaration import PIPELINE_NAMESPACE, REFERENCE
from rehearsal.pipeline.pipeline_records import (
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    SUPERSEDED,
    ActionError,
    ActionRun,
    Execution,
)

__all__ = ["ActionRun", "Execution", "Limits", "PipelineExecutor"]

_SERVICE = "codepipeline.amazonaws.com"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class PipelineExecutor:
    """Runs every pipeline of the account, each execution in a thread of its own."""

    def __init__(
        self, cloud: Cloud, repositories: Repositories, builds: Builds, *, limits: Limits | None = None
    ) -> None:
        self._cloud = cloud
        desk = AnswerDesk()
        self._around = Surroundings(
            cloud=cloud, repositories=repositories, builds=builds, desk=desk, limits=limits or Limits()
        )
        self._changed = threading.Condition()
        self._executions: list[Execution] = []
        self._doors = _Doors()
        cloud.operation("codepipeline", "StartPipelineExecution", self._start)
        PipelineApi(cloud, desk, self.executions).install()

    def executions(self) -> tuple[Execution, ...]:
        """Return every execution, oldest first. The records go on changing while an execution runs."""
        with self._changed:
            return tuple(self._executions)

    def wait(self, execution_id: str, timeout_seconds: float) -> Execution:
        """Return the execution when it has ended. Raises KeyError if unknown, TimeoutError."""
        with self._changed:
            execution = next((each for each in self._executions if each.id == execution_id), None)
            if execution is None:
                raise KeyError(execution_id)
            if not self._changed.wait_for(lambda: execution.status != IN_PROGRESS, timeout_seconds):
                raise TimeoutError(f"execution {execution_id} still runs after {timeout_seconds} s")
            return execution

    def _start(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        name = params["name"]
        declaration = described(self._cloud, name)["pipeline"]
        execution = Execution(pipeline=name, declaration=declaration, trigger=caller)
        execution.variables[PIPELINE_NAMESPACE] = {"PipelineExecutionId": execution.id}
        with self._changed:
            self._executions.append(execution)
            self._approach(execution, declaration["stages"][0]["name"])
        threading.Thread(target=self._run, args=(execution,), name=f"pipeline {name}", daemon=True).start()
        return {"pipelineExecutionId": execution.id}

    # --- an execution ------------------------------------------------------------------------------------------------

    def _run(self, execution: Execution) -> None:
        stages = execution.declaration["stages"]
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
                self._changed.notify_all()
            if not succeeded:
                return

    def _approach(self, execution: Execution, stage: str) -> None:
        superseded = self._doors.approach(execution, stage)
        if superseded is not None:
            superseded.finish(SUPERSEDED, f"superseded by {execution.id} before stage {stage}")
            self._cloud.progress.note(stage, f"{superseded.id[:8]} superseded by {execution.id[:8]}")
            self._changed.notify_all()

    def _admitted(self, execution: Execution, stage: str) -> bool:
        """Wait at the stage's door. Whoever is inside has deadlines of its own, so this ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._doors.is_inside(execution, stage) or execution.status != IN_PROGRESS)
            return execution.status == IN_PROGRESS

    def _run_stage(self, execution: Execution, stage: Mapping[str, Any]) -> bool:
        for order in sorted({action["runOrder"] for action in stage["actions"]}):
            group = [action for action in stage["actions"] if action["runOrder"] == order]
            runs = [ActionRun(stage=stage["name"], declaration=action) for action in group]
            with self._changed:
                execution.actions.extend(runs)
            threads = [
                threading.Thread(target=self._run_action, args=(execution, run), name=run.label, daemon=True)
                for run in runs
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if any(run.status != SUCCEEDED for run in runs):
                return False
        return True

    # --- an action ---------------------------------------------------------------------------------------------------

    def _run_action(self, execution: Execution, run: ActionRun) -> None:
        self._cloud.progress.note(run.label, "started")
        try:
            outcome = self._perform(execution, run)
        except ActionError as error:
            self._end(run, FAILED, error.message, error.code)
        except (AwsError, ClientError) as error:
            refusal = as_aws_error(error)
            code = "PermissionError" if refusal.code in _DENIED else "JobFailed"
            self._end(run, FAILED, str(refusal), code)
        except Exception as fault:  # whoever waits for the execution must learn of it too
            self._end(run, FAILED, f"the rehearsal itself failed: {type(fault).__name__}: {fault}", "JobFailed")
            raise
        else:
            with self._changed:
                execution.artifacts.update(outcome.artifacts)
                run.variables = outcome.variables
                if namespace := run.declaration.get("namespace"):
                    execution.variables[namespace] = outcome.variables
            self._end(run, SUCCEEDED, outcome.message)

    def _perform(self, execution: Execution, run: ActionRun) -> Outcome:
        run.configuration = {
            key: _resolved(value, execution.variables) for key, value in run.declaration["configuration"].items()
        }
        credentials = self._cloud.assume(
            execution.declaration["roleArn"],
            _SERVICE,
            source_arn=f"arn:aws:codepipeline:{self._cloud.region}:{self._cloud.account}:{execution.pipeline}",
            session=execution.id,
        )
        action = Action(around=self._around, execution=execution, run=run, credentials=credentials)
        return ACTIONS[run.declaration["actionTypeId"]["provider"]](action)

    def _end(self, run: ActionRun, status: str, message: str, error_code: str = "") -> None:
        with self._changed:
            run.finish(status, message, error_code)
            self._changed.notify_all()
        self._cloud.progress.note(run.label, f"{status.lower()} after {run.seconds:.1f} s: {message}")


class _Doors:
    """Who is inside each stage of each pipeline, and who waits at its door: at most one each.

    Source: CodePipeline user guide, "How pipeline executions work", SUPERSEDED mode: a newer execution takes the
    place of the one that waits, never of the one inside.
    """

    def __init__(self) -> None:
        self._inside: dict[tuple[str, str], Execution] = {}
        self._waiting: dict[tuple[str, str], Execution] = {}

    def approach(self, execution: Execution, stage: str) -> Execution | None:
        """Go in if nobody is inside, else wait at the door; return whom that supersedes."""
        door = execution.pipeline, stage
        if door not in self._inside:
            self._inside[door] = execution
            return None
        superseded = self._waiting.get(door)
        self._waiting[door] = execution
        return superseded

    def leave(self, execution: Execution, stage: str) -> None:
        """Go out and let in who waits."""
        door = execution.pipeline, stage
        del self._inside[door]
        if (waiting := self._waiting.pop(door, None)) is not None:
            self._inside[door] = waiting

    def is_inside(self, execution: Execution, stage: str) -> bool:
        """Whether this execution holds the stage."""
        return self._inside.get((execution.pipeline, stage)) is execution


def _resolved(value: str, variables: Mapping[str, Mapping[str, str]]) -> str:
    """Replace each `#{Namespace.Name}`. Raises ActionError for a variable that its action did not produce."""

    def replacement(reference: Any) -> str:
        try:
            return variables[reference["namespace"]][reference["name"]]
        except KeyError as error:
            raise ActionError("ConfigurationError", f"{reference[0]} has no value: no action produced it") from error

    return REFERENCE.sub(replacement, value)
