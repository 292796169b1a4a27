"""Drills about what a version is judged by: a weak model, and evidence that cannot be judged or was altered."""

import json
from collections.abc import Sequence
from typing import Any

from ml import gate
from rehearsal.drills.archives import TextChange
from rehearsal.drills.drill import Drill
from rehearsal.drills.removals import InApprovalFunction
from rehearsal.drills.stand import Stand, stopped
from rehearsal.report import Proof
from rehearsal.scenario import WEAK, Scene

METRIC = "accuracy"
_GATE_FILE = "ml/gate.py"
_COMPARISON = TextChange(
    path=_GATE_FILE,
    old="    passed = value >= limit if higher_is_better else value <= limit\n",
    new="    passed = not (value < limit if higher_is_better else value > limit)\n",
)
"""Asks what fails instead of what passes: NaN is neither."""


def weak_model(stand: Stand) -> Sequence[Proof]:
    """Push one shallow tree."""
    Scene(road=stand.road, use_case=stand.use_case, heading=lambda _: None).change_model(WEAK)
    execution = stand.road.follow(stand.road.push("One shallow tree"), person=None)
    arn = stand.road.packages()[0]["ModelPackageArn"]
    return [
        stand.refused(arn, METRIC, "the registry rejects it and names the metric"),
        stopped(execution, "AutoApproval", METRIC),
        stand.untouched(),
    ]


def nan_metric(stand: Stand) -> Sequence[Proof]:
    """Register versions whose evidence says NaN: as Python writes it, and as a text."""
    arns = [stand.offer(evaluation=_with_metric(stand, value)) for value in (float("nan"), "NaN")]
    return [
        stand.refused(arn, METRIC, f"a version whose {METRIC} is {shown} is rejected")
        for arn, shown in zip(arns, ("NaN", '"NaN"'), strict=True)
    ]


def missing_metrics(stand: Stand) -> Sequence[Proof]:
    """Register a version whose evidence lacks the metric that a threshold names."""
    document = stand.evaluation()
    del document[_group(document)][METRIC]
    arn = stand.offer(evaluation=json.dumps(document).encode())
    return [stand.refused(arn, f"{METRIC} is missing", "a version without the metric is rejected")]


def tampered_evaluation(stand: Stand) -> Sequence[Proof]:
    """Register weak evidence, with strong evidence in its place in the bucket."""
    strong = json.dumps(stand.evaluation()).encode()
    arn = stand.offer(evaluation=_with_metric(stand, 0.5), stored_evaluation=strong)
    return [stand.refused(arn, "not the one registered", "a version whose evidence was replaced is rejected")]


def _group(document: dict[str, Any]) -> str:
    return next(name for name in gate.METRIC_GROUPS if name in document)


def _with_metric(stand: Stand, value: object) -> bytes:
    document = stand.evaluation()
    document[_group(document)][METRIC]["value"] = value
    return json.dumps(document).encode()


DRILLS = (
    Drill(
        name="weak-model",
        fault="A developer pushes a model of one shallow tree, whose accuracy is below the threshold.",
        gate="ml/gate.py: the comparison with the threshold",
        play=weak_model,
        without_guard=[
            InApprovalFunction(
                changes=[TextChange(path=_COMPARISON.path, old=_COMPARISON.old, new="    passed = True\n")]
            )
        ],
    ),
    Drill(
        name="nan-metric",
        fault="A version is registered whose evaluation says that its accuracy is NaN.",
        gate="ml/gate.py: only finite numbers in the metric's range that pass the comparison pass",
        play=nan_metric,
        without_guard=[
            InApprovalFunction(
                changes=[
                    TextChange(path=_GATE_FILE, old="    elif not is_finite(value):\n", new="    elif False:\n"),
                    TextChange(
                        path=_GATE_FILE,
                        old="    elif not metric.low <= float(value) <= metric.high:\n",
                        new="    elif float(value) < metric.low or float(value) > metric.high:\n",
                    ),
                    _COMPARISON,
                ]
            )
        ],
    ),
    Drill(
        name="missing-metrics",
        fault="A version is registered whose evaluation lacks the metric that the threshold names.",
        gate="ml/gate.py: a threshold without its metric fails; ml/judgement.py: so does a judgement without a line",
        play=missing_metrics,
        without_guard=[
            InApprovalFunction(
                changes=[
                    TextChange(
                        path=_GATE_FILE,
                        old="(_line(name, metrics, limit) for name, limit in thresholds.items())",
                        new="(_line(name, metrics, thresholds[name]) for name in thresholds if name in metrics)",
                    ),
                    TextChange(
                        path="ml/judgement.py",
                        old="        return bool(self.lines) and all(line.passed for line in self.lines)\n",
                        new="        return all(line.passed for line in self.lines)\n",
                    ),
                ]
            )
        ],
    ),
    Drill(
        name="tampered-evaluation",
        fault="A weak model's evaluation is replaced in the bucket by one that passes.",
        gate="ml/lambda_auto_approve.py: the digest that was registered with the evaluation",
        play=tampered_evaluation,
        without_guard=[
            InApprovalFunction(
                changes=[
                    TextChange(
                        path="ml/lambda_auto_approve.py",
                        old="    if hashlib.sha256(body).hexdigest() != source.sha256:\n",
                        new="    if False:\n",
                    )
                ]
            )
        ],
    ),
)
