"""A stack as its outputs tell it, and an account that answers the operator's commands from a table."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from ml import contract, runtimes, storage
from ml.operate.aws import Aws
from ml.operate.stack import Stack
from ml.operate.versions import Version
from ml.registry import parse_model_package_arn

ACCOUNT, REGION, GROUP, BUCKET = "123456789012", "us-east-1", "ChurnPredictionModels", "models-of-this-test"
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{GROUP}"
OUTPUTS: dict[str, Any] = {
    "region": REGION,
    "pipeline_name": "pipeline",
    "model_package_group": GROUP,
    "endpoint_name": "churn",
    "model_bucket": BUCKET,
    "artifact_bucket": "artifacts-of-this-test",
    "branch": "main",
    "approval_mode": "automated",
    "alarms_topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
    "thresholds": {"accuracy": 0.85},
    "gate": {"basis": "point", "confidence": 0.95, "championMargin": None},
    "endpoint": {
        "kind": "realtime", "instance_type": "ml.m5.large", "instance_count": 1, "max_instance_count": 1,
        "memory_mb": 2048, "max_concurrency": 10, "traffic": "all-at-once", "bake_seconds": 300, "keep_versions": 3,
    },
    "training": {
        "engine": "codebuild", "compute_type": "BUILD_GENERAL1_SMALL", "image": runtimes.BUILD_IMAGE,
        "instance_type": "ml.m5.xlarge", "search": {"trials": 0, "folds": 3, "parallel_jobs": 1},
    },
    "queues": {"push": "push-letters"},
    "alarms": ["errors"],
    "build_projects": ["train"],
    "parts": {
        "functions": ["approve"], "rules": ["push"], "log_groups": ["/aws/codebuild/train"],
        "topics": [f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"],
    },
}  # fmt: skip


def stack(**changes: Any) -> Stack:
    """Return the stack with some of its outputs changed."""
    return Stack.of({**OUTPUTS, **changes}, "the test")


def aws(**services: Any) -> Aws:
    """Return an account with these services, each an object with the operations that are asked for."""
    found = SimpleNamespace(
        client=lambda service: services[service.replace("-", "_")], usual_region=services.get("usual_region")
    )
    return cast(Aws, found)


def pages(**operations: Iterable[dict[str, Any]] | Exception) -> Callable[[str], Any]:
    """Return a `get_paginator` whose operations answer with these pages, or raise when the first is asked for."""

    def answer(operation: str) -> Any:
        given = operations[operation]

        def paginate(**_: Any) -> Any:
            if isinstance(given, Exception):
                raise given
            yield from given

        return SimpleNamespace(paginate=paginate)

    return answer


def refusal(code: str, operation: str = "DescribeSomething", message: str = "said AWS") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def raising(code: str, operation: str = "DescribeSomething", message: str = "said AWS") -> Callable[..., Any]:
    def refuse(**_: Any) -> Any:
        raise refusal(code, operation, message)

    return refuse


def version(number: int, *, status: str = contract.APPROVED, body: bytes = b"{}", **metadata: str) -> Version:
    """Return a version whose evaluation is `body`."""
    digest = storage.sha256(body)
    statistics = {"S3Uri": f"s3://{BUCKET}/evaluations/{digest}/evaluation.json", "ContentDigest": f"sha256:{digest}"}
    return Version(
        arn=parse_model_package_arn(f"{PACKAGE}/{number}"),
        created=datetime(2026, 11, number, tzinfo=UTC),
        status=status,
        reason="",
        description={
            "ModelApprovalStatus": status,
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": f"s3://{BUCKET}/models/{digest}/model.tar.gz"}]},
            "ModelMetrics": {"ModelQuality": {"Statistics": statistics}},
            "CustomerMetadataProperties": metadata,
        },
    )
