"""What an action of a running pipeline has at hand, and what it leaves."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rehearsal.account.calls import Credentials
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.answers import AnswerDesk
from rehearsal.pipeline.artifacts import BuildInputs, S3Object
from rehearsal.pipeline.code_host import CodeHost
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.pipeline_records import ActionRun, Execution


class Builds(Protocol):
    """The part of the build runner that an action needs."""

    def hand_over(self, token: str, inputs: BuildInputs) -> None:
        """Keep what the build that will be started under this idempotency token works on."""

    def wait(self, build_id: str, seconds: float) -> bool:
        """Return when the build is over, and after `seconds` in any case: whether it is."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long actions may take, in minutes as AWS counts them; `minute_seconds` is how long a minute lasts here.

    Source: CodePipeline user guide, "Quotas".
    """

    minute_seconds: float = 60.0
    build_minutes: int = 8 * 60
    job_minutes: int = 20
    approval_minutes: int = 7 * 24 * 60


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the actions of all executions share. `changed` is the executor's lock, and its notice of changes."""

    cloud: Cloud
    repositories: Repositories
    code_host: CodeHost
    builds: Builds
    desk: AnswerDesk
    limits: Limits
    changed: threading.Condition


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action about to do its work. Its run's `configuration` has every variable resolved."""

    around: Surroundings
    execution: Execution
    run: ActionRun
    credentials: Credentials

    @property
    def inputs(self) -> dict[str, S3Object]:
        """Input artifacts by name, in the declared order."""
        names = (artifact["name"] for artifact in self.run.declaration["inputArtifacts"])
        return {name: self.execution.artifacts[name] for name in names}

    def outputs(self) -> dict[str, S3Object]:
        """Make places for the declared output artifacts: `<pipeline, 20>/<artifact, 10>/<id>` in the store's bucket."""
        bucket = self.execution.declaration["artifactStore"]["location"]
        names = [artifact["name"] for artifact in self.run.declaration["outputArtifacts"]]
        return {
            name: S3Object(bucket=bucket, key=f"{self.execution.pipeline[:20]}/{name[:10]}/{uuid.uuid4().hex[:7]}")
            for name in names
        }

    def client(self, service: str) -> Any:
        """Return a client that acts with the pipeline's role."""
        return self.around.cloud.client(service, self.credentials)

    def note(self, what: str) -> None:
        """Show a line of progress."""
        self.around.cloud.progress.note(self.run.label, what)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a successful action leaves: variables, artifacts, one line about it, and the provider's own summary.

    Without a summary of its own the line is the summary.
    """

    variables: Mapping[str, str]
    artifacts: Mapping[str, S3Object]
    message: str
    summary: str = ""
