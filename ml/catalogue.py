"""What can be learnt, and how it is measured: metrics, tasks and use cases.

The Pulumi program checks settings by it, the builds train and measure by it, the approval function judges by it.
Nothing is imported beyond the standard library, so every place may import this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a threshold on this metric may say: its range, and whether more is better."""

    higher_is_better: bool
    low: float
    high: float


_SHARE = Metric(higher_is_better=True, low=0.0, high=1.0)
_ERROR = Metric(higher_is_better=False, low=0.0, high=float("inf"))

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": _SHARE,
        "precision": _SHARE,
        "recall": _SHARE,
        "f1": _SHARE,
        "auc": _SHARE,
        "average_precision": _SHARE,
        "recall_at_precision": _SHARE,
        "log_loss": _ERROR,
        "brier": Metric(higher_is_better=False, low=0.0, high=1.0),
        "rmse": _ERROR,
        "mae": _ERROR,
        "r2": Metric(higher_is_better=True, low=float("-inf"), high=1.0),
        "silhouette": Metric(higher_is_better=True, low=-1.0, high=1.0),
        "stability": Metric(higher_is_better=True, low=-1.0, high=1.0),
    }
)
"""Every metric that a threshold may name, in [low, high]. rmse and mae are in the target's own unit."""

PRECISION_FLOOR = 0.9
"""recall_at_precision is the greatest recall that keeps at least this precision."""

CLASSIFICATION = "classification"
REGRESSION = "regression"
CLUSTERING = "clustering"

TASK_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CLASSIFICATION: (
            "accuracy", "precision", "recall", "f1", "auc", "average_precision", "recall_at_precision", "log_loss",
            "brier",
        ),
        REGRESSION: ("rmse", "mae", "r2"),
        CLUSTERING: ("silhouette", "stability"),
    }
)  # fmt: skip
"""What each kind of task is measured by."""

WITHOUT_INTERVAL = frozenset({"average_precision", "recall_at_precision", "stability"})
"""Metrics whose confidence interval is not estimated: no gate with basis bound can judge them."""


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """What the program must know of a use case without importing it; the code is ml/usecases/<name>.py.

    `target_column` is empty for clustering, which learns without a target. `thresholds` hold where a stack sets none.
    """

    model_package_group: str
    target_column: str
    task: str = CLASSIFICATION
    thresholds: Mapping[str, float]
    misleading: frozenset[str] = frozenset()
    """Metrics that even the best constant answer is good at: thresholds on them alone are no gate."""


USE_CASES: Mapping[str, UseCase] = MappingProxyType(
    {
        "churn": UseCase(
            model_package_group="ChurnPredictionModels",
            target_column="churned",
            task=CLASSIFICATION,
            thresholds=MappingProxyType({"accuracy": 0.85}),
        ),
        "fraud": UseCase(
            model_package_group="FraudDetectionModels",
            target_column="fraudulent",
            task=CLASSIFICATION,
            thresholds=MappingProxyType({"average_precision": 0.6, "recall_at_precision": 0.3}),
            misleading=frozenset({"accuracy", "log_loss", "brier"}),
        ),
        "segmentation": UseCase(
            model_package_group="CustomerSegmentationModels",
            target_column="",
            task=CLUSTERING,
            thresholds=MappingProxyType({"silhouette": 0.35, "stability": 0.8}),
        ),
        "maintenance": UseCase(
            model_package_group="PredictiveMaintenanceModels",
            target_column="remaining_hours",
            task=REGRESSION,
            thresholds=MappingProxyType({"rmse": 40.0, "r2": 0.7}),
        ),
    }
)
DEFAULT_USE_CASE = "churn"
