"""What a stack can choose, as types: one class for each map of settings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ml import contract

CODECOMMIT = "codecommit"
CODECONNECTIONS = "codeconnections"
CODEBUILD_ENGINE = "codebuild"


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """How metrics are judged. `champion_margin`: how much worse than the one in service a model may be; None: any."""

    basis: str
    confidence: float
    champion_margin: float | None

    @property
    def text(self) -> str:
        """The rule as the processes that judge read it (ml.gate.Rule)."""
        content = {"basis": self.basis, "confidence": self.confidence, "championMargin": self.champion_margin}
        return json.dumps(content, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class ApprovalSettings:
    """Who decides whether a model goes live, who is mailed, and how long the pipeline waits for a person."""

    mode: str
    approvers: Sequence[str]
    timeout_minutes: int

    @property
    def asks_person(self) -> bool:
        """Whether the pipeline waits for a person."""
        return self.mode in (contract.MANUAL, contract.BOTH)

    @property
    def judges_metrics(self) -> bool:
        """Whether a function holds the metrics against the thresholds."""
        return self.mode in (contract.AUTOMATED, contract.BOTH)


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Whose pushes start the pipeline. `reviews`: approvals that a pull request needs before it may be merged."""

    provider: str
    branch: str
    connection_arn: str
    repository: str
    reviews: int


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Where and on what a model is trained. An empty data URI means the use case's synthetic data."""

    engine: str
    compute_type: str
    image: str
    data_uri: str
    target: str


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """What serves the model, and how a new version takes over. Serverless means no instances."""

    kind: str
    instance_type: str
    instance_count: int
    max_instance_count: int
    memory_mb: int
    max_concurrency: int
    traffic: str
    bake_seconds: int
    keep_versions: int

    @property
    def scales(self) -> bool:
        """Whether the number of instances follows the load."""
        return self.max_instance_count > self.instance_count


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """Who is mailed when something is wrong."""

    emails: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """Whether the stack keeps its own CloudTrail trail, and how long logs are kept."""

    trail: bool
    retention_days: int
