"""Keep a stack's road open until somebody stops it: pushes start its pipeline, people decide from another terminal."""

import contextlib
import gc
import json
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from ml import contract
from rehearsal.background import Background
from rehearsal.console import Console
from rehearsal.pipeline.codepipeline import ActionRun, Execution
from rehearsal.pipeline.pipeline_records import IN_PROGRESS, SUCCEEDED
from rehearsal.plan import Plan
from rehearsal.road import Road, open_road
from rehearsal.scenario import act_of

OPERATOR_FILE = "operator.env"
OUTPUTS_FILE = "outputs.json"
REQUEST_FILE = "request.json"
GIT_URL = "REHEARSAL_GIT_URL"
_LOOK_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NOT_THEIRS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
"""Of the person's own settings: they would lead the commands to another account, or to none."""


class Stopped(BaseException):
    """Somebody asked to stop. Like KeyboardInterrupt no error, so that nothing on the way answers it as one."""


def serve(plan: Plan, *, work: Path, console: Console) -> None:
    """Provision the stack, say how to use it, follow what happens, and return when SIGINT or SIGTERM comes."""
    with _until_stopped(), open_road(plan, work=work, progress=console) as road:
        console.note("provisioned", f"{len(road.made)} resources of the Pulumi program")
        # What the start has read stays: a process that lives long looks only for the garbage that comes after it.
        gc.freeze()
        with _at_hand(road, work), Follower(road, console, work):
            console.tell("The road is open", instructions(work, branch=road.outputs["branch"], stack=plan.stack))
            try:
                while True:
                    # Not without an end: a signal that another thread takes would not wake this one.
                    threading.Event().wait(_LOOK_SECONDS)
            finally:
                # Executions that are cut off now have nothing more to say.
                console.hush()
                threading.excepthook = lambda _: None


@contextlib.contextmanager
def _until_stopped() -> Iterator[None]:
    """Leave the block at the first signal; while it is left, further ones are not heard."""

    def _stop(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for number in _SIGNALS:
        signal.signal(number, _stop)
    with contextlib.suppress(Stopped):
        yield


# --- what another terminal needs -------------------------------------------------------------------------------------


def instructions(work: Path, *, branch: str, stack: str) -> tuple[str, ...]:
    """Return what a person types in another terminal, one line each."""
    ml = f"{shlex.quote(sys.executable)} -m ml"
    return (
        "In another terminal, in the project's folder:",
        f"  . {shlex.quote(str(work / OPERATOR_FILE))}",
        f'  git push "${GIT_URL}" HEAD:{branch}      starts the pipeline with what you have committed',
        f"  {ml} status             what needs a person; also history, lineage, replay",
        f"  {ml} approve VERSION --comment WHY      or reject, where a version waits",
        f"  {ml} rollback --to VERSION",
        f"  {ml} invoke {shlex.quote(str(work / REQUEST_FILE))}      once a version serves",
        f"A clone with this project's files, to play with: {work / f'clone-{stack}'}",
        "Ctrl-C ends it.",
    )


@contextlib.contextmanager
def _at_hand(road: Road, work: Path) -> Iterator[None]:
    """Write the files that lead to the account; the way in goes when the account does."""
    (work / OUTPUTS_FILE).write_text(json.dumps(road.outputs, indent=2) + "\n", encoding="utf-8")
    operator, partial = work / OPERATOR_FILE, work / f"{OPERATOR_FILE}.partial"
    partial.write_text(operator_environment(road, work / OUTPUTS_FILE), encoding="utf-8")
    # Renamed, so that whoever waits for the file never reads half of it.
    partial.replace(operator)
    try:
        yield
    finally:
        operator.unlink(missing_ok=True)


def operator_environment(road: Road, outputs: Path) -> str:
    """Return a file for `.` of a shell: `export NAME=value` lines that lead to this account and no other."""
    operator = road.cloud.operator
    variables = {
        **road.cloud.environment(),
        "AWS_ACCESS_KEY_ID": operator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": operator.secret_access_key,
        "STACK_OUTPUTS": str(outputs),
        GIT_URL: road.clone_url,
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([f"unset {' '.join(_NOT_THEIRS)}", *exports, ""])


# --- what happens ----------------------------------------------------------------------------------------------------


class Follower(Background):
    """Tells of every execution: that it began, whom it asks, and what came of it."""

    pause_seconds = 0.2

    def __init__(self, road: Road, console: Console, work: Path) -> None:
        super().__init__()
        self._road = road
        self._console = console
        self._work = work
        self._told: set[str] = set()

    def turn(self) -> None:
        """Tell what is new."""
        for execution in self._road.pipelines.executions():
            if self._is_news(execution.id):
                self._console.heading(f"Execution {execution.id[:8]}: {_cause(execution)}")
            waiting = next((run for run in execution.actions if run.asked and run.status == IN_PROGRESS), None)
            if waiting and self._is_news(waiting.id):
                self._ask(execution, waiting)
            if execution.status != IN_PROGRESS and self._is_news(f"{execution.id} ended"):
                self._end(execution)

    def _is_news(self, what: str) -> bool:
        known = what in self._told
        self._told.add(what)
        return not known

    def _ask(self, execution: Execution, waiting: ActionRun) -> None:
        version = str(execution.variables["BuildVariables"][contract.MODEL_PACKAGE_ARN]).rpartition("/")[2]
        answer = f"python -m ml approve {version} --comment WHY, or reject"
        self._console.note(waiting.label, f"execution {execution.id[:8]} waits for you: {answer}")

    def _end(self, execution: Execution) -> None:
        title = f"Execution {execution.id[:8]}: {execution.status}"
        self._console.show_act(act_of(title, self._road, execution, prediction="", proofs=[]))
        if execution.status == SUCCEEDED:
            self._leave_request(execution)

    def _leave_request(self, execution: Execution) -> None:
        """Write a request that the served version can answer, for whoever wants to ask it something."""
        arn = execution.variables["BuildVariables"][contract.MODEL_PACKAGE_ARN]
        package: Mapping[str, Any] = self._road.cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
        request, partial = self._work / REQUEST_FILE, self._work / f"{REQUEST_FILE}.partial"
        partial.write_text(json.dumps({"instances": self._road.golden(package)["instances"]}), encoding="utf-8")
        partial.replace(request)


def _cause(execution: Execution) -> str:
    released = execution.variables.get("variables", {}).get(contract.PIPELINE_VARIABLE, contract.NO_RELEASE)
    if released != contract.NO_RELEASE:
        return f"release of version {released.rpartition('/')[2]}, started by {execution.trigger.detail}"
    return f"started by {execution.trigger.type} ({execution.trigger.detail})"
