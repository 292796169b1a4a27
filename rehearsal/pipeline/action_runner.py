"""Run the actions of one group side by side, each as the pipeline's role, and write down what came of each."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.account.calls import AwsError
from rehearsal.account.client_errors import as_aws_error
from rehearsal.pipeline.pipeline_action import Action, Outcome, Surroundings
from rehearsal.pipeline.pipeline_actions import ACTIONS
from rehearsal.pipeline.pipeline_approval import APPROVAL
from rehearsal.pipeline.pipeline_events import StateEvents
from rehearsal.pipeline.pipeline_records import SUCCEEDED, ActionError, ActionRun, Execution
from rehearsal.pipeline.pipeline_variables import resolved

_SERVICE = "codepipeline.amazonaws.com"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class ActionRunner:
    """Runs actions for the executor and writes their records."""

    def __init__(self, around: Surroundings, events: StateEvents) -> None:
        self._around = around
        self._cloud = around.cloud
        self._changed = around.changed
        self._events = events

    def run_group(self, execution: Execution, stage: str, declarations: Iterable[Mapping[str, Any]]) -> bool:
        """Run these actions together; return whether every one succeeded."""
        runs = [self._new_run(stage, declaration) for declaration in declarations]
        with self._changed:
            execution.actions.extend(runs)
            self._changed.notify_all()
        threads = [
            threading.Thread(target=self._run, args=(execution, run), name=run.label, daemon=True) for run in runs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return all(run.status == SUCCEEDED for run in runs)

    def _new_run(self, stage: str, declaration: Mapping[str, Any]) -> ActionRun:
        if declaration["actionTypeId"]["provider"] != APPROVAL:
            return ActionRun(stage=stage, declaration=declaration)
        # Asked before anybody hears of the action, so that whoever hears of it can answer. The token is its external id
        # too (API reference, PutApprovalResult).
        token = self._around.desk.ask()
        return ActionRun(stage=stage, declaration=declaration, token=token, external_id=token)

    def _run(self, execution: Execution, run: ActionRun) -> None:
        self._cloud.progress.note(run.label, "started")
        self._events.action(execution, run)
        try:
            outcome = self._perform(execution, run)
        except ActionError as error:
            self._end(execution, run, error)
        except (AwsError, ClientError) as error:
            refusal = as_aws_error(error)
            code = "PermissionError" if refusal.code in _DENIED else "JobFailed"
            self._end(execution, run, ActionError(code, str(refusal)))
        except Exception as fault:  # whoever waits for the execution must learn of it too
            text = f"the rehearsal itself failed: {type(fault).__name__}: {fault}"
            self._end(execution, run, ActionError("JobFailed", text))
            raise
        else:
            self._end(execution, run, outcome)

    def _perform(self, execution: Execution, run: ActionRun) -> Outcome:
        run.configuration = {
            key: resolved(value, execution.variables) for key, value in run.declaration["configuration"].items()
        }
        credentials = self._cloud.assume(
            execution.declaration["roleArn"],
            _SERVICE,
            source_arn=f"arn:aws:codepipeline:{self._cloud.region}:{self._cloud.account}:{execution.pipeline}",
            session=execution.id,
        )
        action = Action(around=self._around, execution=execution, run=run, credentials=credentials)
        return ACTIONS[run.declaration["actionTypeId"]["provider"]](action)

    def _end(self, execution: Execution, run: ActionRun, result: Outcome | ActionError) -> None:
        with self._changed:
            if isinstance(result, ActionError):
                run.fail(result)
            else:
                execution.artifacts.update(result.artifacts)
                run.variables = result.variables
                if namespace := run.declaration.get("namespace"):
                    execution.variables[namespace] = result.variables
                run.succeed(result.message, result.summary or result.message)
            self._changed.notify_all()
        self._events.action(execution, run)
        self._cloud.progress.note(run.label, f"{run.status.lower()} after {run.seconds:.1f} s: {run.line}")
