"""What a stack can choose, as types: one class for each map of settings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ml import contract

CODECOMMIT = "codecommit"
CODECONNECTIONS = "codeconnections"


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
class SearchSettings:
    """How many hyper-parameters are tried before a model is fitted, with how many folds, by how many jobs at once."""

    trials: int
    folds: int
    parallel_jobs: int

    @property
    def text(self) -> str:
        """The plan as the training reads it (ml.search.Plan)."""
        content = {"trials": self.trials, "folds": self.folds, "parallelJobs": self.parallel_jobs}
        return json.dumps(content, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Where and on what a model is trained. An empty data URI means the use case's synthetic data.

    Instances and their time are those of training jobs, which only the engine sagemaker starts.
    """

    engine: str
    compute_type: str
    image: str
    instance_type: str
    instance_count: int
    max_runtime_minutes: int
    data_uri: str
    target: str
    search: SearchSettings

    @property
    def in_jobs(self) -> bool:
        """Whether training jobs of SageMaker's train, and not the build itself."""
        return self.engine == contract.SAGEMAKER_ENGINE

    @property
    def rounds(self) -> int:
        """How many times the build waits for training jobs: for those of a search, and for the one that fits."""
        if not self.in_jobs:
            return 0
        return 2 if self.search.trials and self.search.parallel_jobs > 1 else 1


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
