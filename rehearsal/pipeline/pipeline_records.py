"""What is known of pipeline executions and of their actions, while they run and afterwards.

The executor changes these records under its lock; everybody else reads.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.pipeline.artifacts import S3Object

IN_PROGRESS = "InProgress"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
SUPERSEDED = "Superseded"


class ActionError(Exception):
    """An action ended badly: CodePipeline's failure type (as "JobFailed"), the reason, and the provider's summary.

    Without a summary of its own the reason is the summary.
    """

    def __init__(self, code: str, message: str, summary: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.summary = summary or message


@dataclass(kw_only=True)
class ActionRun:
    """One run of one action. `message` is the error, or what the action has to say of its success; `summary` is what
    its provider tells CodePipeline. `token` and `updated_by` (an ARN) are those of an approval, which has `asked` once
    its mail is out.
    """

    stage: str
    declaration: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = IN_PROGRESS
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    configuration: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    summary: str = ""
    error_code: str = ""
    external_id: str = ""
    token: str = ""
    asked: bool = False
    updated_by: str = ""

    @property
    def name(self) -> str:
        """The action's name in its stage."""
        return str(self.declaration["name"])

    @property
    def label(self) -> str:
        """`<stage>/<action>`."""
        return f"{self.stage}/{self.name}"

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running."""
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def line(self) -> str:
        """What came of it in one line, with the name of the person who answered an approval."""
        if not self.updated_by or self.updated_by in self.message:
            return self.message
        return f"{'Approved' if self.status == SUCCEEDED else 'Rejected'} by {self.updated_by}: {self.message}"

    def succeed(self, message: str, summary: str) -> None:
        """End it well."""
        self.status, self.message, self.summary = SUCCEEDED, message, summary
        self.ended = datetime.now(UTC)

    def fail(self, error: ActionError) -> None:
        """End it badly."""
        self.status, self.message, self.summary, self.error_code = FAILED, error.message, error.summary, error.code
        self.ended = datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What started an execution: CodePipeline's type of trigger and, as detail, the ARN of who or what it was.

    `commit` is what a code host told of a push, in the words of CodePipeline's events; else empty.
    """

    type: str
    detail: str
    commit: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Revision:
    """The commit that a source action took."""

    action: str
    id: str
    summary: str


@dataclass(kw_only=True)
class Execution:
    """One execution of a pipeline, by the declaration that held when it started.

    `actions` are in the order in which they started; `variables` map namespaces to variables: the pipeline's own, and
    those of finished actions; `artifacts` map names to their places.
    """

    pipeline: str
    declaration: Mapping[str, Any]
    trigger: Trigger
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = IN_PROGRESS
    summary: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    actions: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, S3Object] = field(default_factory=dict)
    variables: dict[str, Mapping[str, str]] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)

    @property
    def commit(self) -> str:
        """The commit that it runs on; empty until its source action has ended."""
        return self.revisions[0].id if self.revisions else ""

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running."""
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    def stage_status(self, stage: str) -> str:
        """How the stage stands; empty when the execution has not reached it."""
        statuses = [run.status for run in self.actions if run.stage == stage]
        if not statuses:
            return ""
        if FAILED in statuses and IN_PROGRESS not in statuses:
            return FAILED
        declared = next(each for each in self.declaration["stages"] if each["name"] == stage)
        return SUCCEEDED if statuses == [SUCCEEDED] * len(declared["actions"]) else IN_PROGRESS

    def resume(self, stage: str) -> None:
        """Go on although it had failed at this stage, whose runs until now count no more."""
        self.status, self.summary, self.ended = IN_PROGRESS, "", None
        self.actions = [run for run in self.actions if run.stage != stage]

    def finish(self, status: str, summary: str) -> None:
        """End it."""
        self.status, self.summary = status, summary
        self.ended = datetime.now(UTC)
