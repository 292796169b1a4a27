"""Versions that nobody has decided about: since when they wait, and how a person answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ml import contract, pipeline_state, registry
from ml.operate.aws import Aws
from ml.operate.stack import Stack

LATE_SECONDS = 900
"""Where metrics alone decide, the function has answered long before: it tries an event again for some minutes."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def waiting_versions(aws: Aws, stack: Stack) -> Mapping[int, datetime]:
    """Return each version that waits, oldest first, and since when: since the pipeline asked, where it did."""
    pages = aws.client("sagemaker").get_paginator("list_model_packages")
    listed = [
        each
        for page in pages.paginate(
            ModelPackageGroupName=stack.model_package_group, ModelApprovalStatus=contract.PENDING
        )
        for each in page["ModelPackageSummaryList"]
    ]
    found = {int(each["ModelPackageVersion"]): each["CreationTime"] for each in listed}
    codepipeline = aws.client("codepipeline")
    asked = pipeline_state.waiting(codepipeline, stack.pipeline_name)
    if asked is not None:
        arn = pipeline_state.execution(codepipeline, stack.pipeline_name, asked.execution_id).package_arn
        if arn:
            found[registry.parse_model_package_arn(arn).version] = asked.since
    return dict(sorted(found.items()))


def rows(aws: Aws, stack: Stack, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return a line for each version that waits, as `status` shows it, with the commands that answer."""
    now = now or datetime.now(tz=UTC)
    return [
        _row(number, (now - since).total_seconds(), by_person=stack.approval_mode != contract.AUTOMATED)
        for number, since in waiting_versions(aws, stack).items()
    ]


def _row(number: int, seconds: float, *, by_person: bool) -> dict[str, Any]:
    late = by_person or seconds > LATE_SECONDS
    return {
        "what": "waits for a person" if late else "waits for the approval function",
        "name": f"version {number}",
        "state": f"for {age(seconds)}" + (f": {answer(number)}" if late else ""),
        "attention": late,
        "waits_seconds": int(seconds),
    }


def answer(number: int) -> str:
    """Return how a person decides about a version."""
    return f'python -m ml approve {number} --comment "why", or reject'


def age(seconds: float) -> str:
    """Return a length of time in its two largest units: "2 d 3 h", "5 h 10 min", "4 min"."""
    whole = max(0, int(seconds))
    if whole >= _DAY:
        return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _MINUTE} min"
