"""Which of the past versions would these thresholds have passed? The gate's own judgement, on the stored evidence."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ml import contract, gate, registry, storage
from ml.gate import EvidenceError
from ml.operate.aws import Aws
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.versions import Version, all_versions

_BAR = 30
"""Characters of the longest bar in the plot of a metric."""


def replay(aws: Aws, stack: Stack, thresholds: Mapping[str, float]) -> Answer:
    """Judge every version's registered evaluation by `thresholds`; a version without readable evidence is rejected."""
    versions = all_versions(aws.client("sagemaker"), stack.model_package_group)
    rows = [_judged(aws, version, thresholds) for version in reversed(versions)]
    changed = [row["version"] for row in rows if row["would_be"] != row["status"] and row["status"] != contract.PENDING]
    limits = ", ".join(f"{name} {limit:g}" for name, limit in thresholds.items())
    notes = [f"These thresholds ({limits}) change {len(changed)} of {len(rows)} decisions: {changed or 'none'}"]
    return Answer(
        title=f"replay of {stack.model_package_group}",
        columns=("version", "status", "would_be", *thresholds, *(f"{name}_plot" for name in thresholds), "reason"),
        rows=rows,
        notes=notes,
        extra={"changed": changed, "thresholds": dict(thresholds)},
    )


def _judged(aws: Aws, version: Version, thresholds: Mapping[str, float]) -> dict[str, Any]:
    row: dict[str, Any] = {"version": version.number, "status": version.status}
    try:
        verdict = gate.judge_document(_evaluation(aws, version), thresholds, gate.POINT_RULE)
    except EvidenceError as error:
        return row | {"would_be": contract.REJECTED, "reason": str(error)}
    values = {line.metric: line.value for line in verdict.lines}
    plots = {f"{line.metric}_plot": _bar(line) for line in verdict.lines}
    return row | {"would_be": verdict.decision, "reason": verdict.summary, **values, **plots}


def _evaluation(aws: Aws, version: Version) -> bytes:
    source = registry.evaluation_of(version.description)
    s3 = aws.client("s3")
    try:
        body: bytes = s3.get_object(Bucket=source.bucket, Key=source.key)["Body"].read()
    except ClientError as error:
        raise EvidenceError(f"the evaluation s3://{source.bucket}/{source.key} cannot be read") from error
    if storage.sha256(body) != source.sha256:
        raise EvidenceError(f"the evaluation s3://{source.bucket}/{source.key} is not the one registered")
    return body


def _bar(line: gate.Line) -> str:
    """Return the value as a bar in its metric's range, the limit as a mark in it; empty where there is no range."""
    metric = contract.METRICS.get(line.metric)
    if (
        metric is None
        or not gate.is_finite(line.value)
        or not gate.is_finite(line.limit)
        or metric.high == float("inf")
    ):
        return ""
    width = metric.high - metric.low
    filled, mark = (
        min(_BAR - 1, max(0, int((number - metric.low) / width * _BAR))) for number in (line.value, line.limit)
    )
    drawn = ["#" if position <= filled else "." for position in range(_BAR)]
    drawn[mark] = "|"
    return "".join(drawn)
