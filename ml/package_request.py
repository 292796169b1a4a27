"""Write down everything that the registry keeps about a model, as one CreateModelPackage request."""

import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml import contract, runtimes, serving_image
from ml.errors import RoadError
from ml.gate import one_line
from ml.registry import DIGEST_PREFIX, LONGEST_DESCRIPTION

SMALL_INSTANCES = ("ml.t2.medium", "ml.m5.large", "ml.m5.xlarge", "ml.c5.large", "ml.c5.xlarge")
"""x86, as the serving image; each is in SageMaker's list for real-time inference."""

LONGEST_METADATA_VALUE = 256
METADATA_PUNCTUATION = frozenset("_.:/=+-@")
CARD_STATUS = "PendingReview"
"""Complete as far as the build knows; whoever approves the version reads it. Approving does not change it."""

TOKEN_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "model-package/client-token")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trained, evaluated and uploaded model on its way into the registry."""

    group: str
    image: str
    instance_type: str
    archive_uri: str
    archive_sha256: str
    evaluation_uri: str
    evaluation_sha256: str
    data_sha256: str
    metrics: Mapping[str, float]
    use_case: str
    summary: str
    commit: str
    execution: str
    repository: str
    report_uri: str
    """Empty until the report is stored: it tells of everything else here."""


def model_package_request(candidate: Candidate, card: str) -> dict[str, Any]:
    """Return the parameters of CreateModelPackage for `candidate`, with its model card (ml/model_card.py).

    Raises RoadError when AWS would refuse the metadata.

    The status is passed although it is the default: the train role's policy allows only requests that say it.
    """
    return {
        "ModelPackageGroupName": candidate.group,
        "ModelPackageDescription": one_line(candidate.summary, LONGEST_DESCRIPTION),
        "ModelApprovalStatus": contract.PENDING,
        "ClientToken": client_token(candidate.execution, candidate.archive_sha256),
        "InferenceSpecification": _inference_specification(candidate),
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {
                    "ContentType": "application/json",
                    "S3Uri": candidate.evaluation_uri,
                    "ContentDigest": DIGEST_PREFIX + candidate.evaluation_sha256,
                }
            }
        },
        "MetadataProperties": {"CommitId": candidate.commit, "Repository": candidate.repository},
        "CustomerMetadataProperties": _metadata(candidate),
        "ModelCard": {"ModelCardContent": card, "ModelCardStatus": CARD_STATUS},
    }


def client_token(execution: str, archive_sha256: str) -> str:
    """Return 36 characters that are the same whenever the same execution registers the same archive."""
    return str(uuid.uuid5(TOKEN_NAMESPACE, f"{execution}:{archive_sha256}"))


def _inference_specification(candidate: Candidate) -> dict[str, Any]:
    container = {
        "Image": candidate.image,
        "ModelDataUrl": candidate.archive_uri,
        "Environment": dict(serving_image.ENVIRONMENT),
        "Framework": "SKLEARN",
        "FrameworkVersion": runtimes.CONTAINER_VERSION,
    }
    return {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv", "application/json"],
        "SupportedResponseMIMETypes": ["application/json", "text/csv"],
        "SupportedRealtimeInferenceInstanceTypes": sorted({candidate.instance_type, *SMALL_INSTANCES}),
    }


def _metadata(candidate: Candidate) -> dict[str, str]:
    properties = {
        contract.METADATA_COMMIT: candidate.commit,
        contract.METADATA_EXECUTION: candidate.execution,
        contract.METADATA_USE_CASE: candidate.use_case,
        contract.METADATA_MODEL_SHA256: candidate.archive_sha256,
        contract.METADATA_EVALUATION_SHA256: candidate.evaluation_sha256,
        contract.METADATA_DATA_SHA256: candidate.data_sha256,
        contract.METADATA_REPORT: candidate.report_uri,
    } | {contract.METADATA_METRIC_PREFIX + name: f"{value:.6f}" for name, value in candidate.metrics.items()}
    for key, value in properties.items():
        if not 1 <= len(value) <= LONGEST_METADATA_VALUE or not all(map(_is_metadata_character, value)):
            raise RoadError(
                f"model package metadata {key}={value[:80]!r}: 1 to {LONGEST_METADATA_VALUE} letters, digits, blanks"
                " and _.:/=+-@ are allowed. Rename what it comes from"
            )
    return properties


def _is_metadata_character(character: str) -> bool:
    """The registry's own pattern; boto3 does not check it, and the service's refusal names no key."""
    return character in METADATA_PUNCTUATION or unicodedata.category(character)[0] in "LZN"
