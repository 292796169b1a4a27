"""Find the champion: the version that the endpoint serves now, with the archive that was registered for it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract, endpoint, registry, serving, storage
from ml.evaluation.champion import Champion
from ml.registry import ModelPackageArn

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

NOTHING_SERVES = frozenset({endpoint.FAILED, endpoint.DELETING})
"""An endpoint that is being made or changed counts: what it is to serve is approved already."""


def find_champion(
    sagemaker: "SageMakerClient", s3: "S3Client", *, endpoint_name: str, group: str, bucket: str
) -> Champion | None:
    """Return the version of `group` that the endpoint serves, with its archive from `bucket`; None when nothing does.

    Where there is no archive to score, because it, its package or its model was removed or altered, the champion has
    the reason instead. A fault of AWS is raised as it is. Somebody may deploy another version a moment later.
    """
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint_name)
        if found["EndpointStatus"] in NOTHING_SERVES:
            return None
        package = serving.read(sagemaker, found).model_package
    except ClientError as error:
        if not endpoint.is_absent(error):
            raise
        return None if error.operation_name == "DescribeEndpoint" else _unknown("its configuration was removed")
    if package is None:
        return _unknown("its model was removed, or is of no package")
    if not package.is_in_group(group):
        return _without_archive(package, f"it is a version of {package.group}, not of {group}")
    return _with_archive(sagemaker, s3, package, bucket)


def told(champion: Champion | None) -> str:
    """Return the champion without its archive's bytes, as text for a training job."""
    known = None if champion is None else {**asdict(champion), "archive": None}
    return json.dumps(known, sort_keys=True)


def from_told(text: str, read: storage.Read) -> Champion | None:
    """Return the champion that `told` wrote down; `read` gives its archive."""
    known = json.loads(text)
    if known is None:
        return None
    return Champion(**known | {"archive": read(known["archive_uri"]) if known["archive_uri"] else b""})


def _with_archive(sagemaker: "SageMakerClient", s3: "S3Client", package: ModelPackageArn, bucket: str) -> Champion:
    try:
        description = registry.describe(sagemaker, package.text)
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return _without_archive(package, "it is no longer in the registry")
    uri, registered = _registered(description)
    if not uri.startswith(f"s3://{bucket}/{contract.MODELS_PREFIX}"):
        return _without_archive(package, "its archive is not in the model bucket")
    try:
        archive = storage.read(s3, uri)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # AccessDenied is among them: the train role may not list the bucket, and gets it for an absent archive too.
        if code not in storage.UNREADABLE:
            raise
        return _without_archive(package, f"its archive cannot be read: {code}")
    if storage.sha256(archive) != registered:
        return _without_archive(package, "its archive is not the one that was registered")
    return Champion(
        model_package_arn=package.text,
        version=package.version,
        archive_sha256=registered,
        archive=archive,
        reason="",
        archive_uri=uri,
    )


def _registered(description: Mapping[str, Any]) -> tuple[str, str]:
    """Return where the package's archive lies, and the SHA-256 that was registered with it."""
    container = description["InferenceSpecification"]["Containers"][0]
    digest = description.get("CustomerMetadataProperties", {}).get(contract.METADATA_MODEL_SHA256, "")
    return str(container.get("ModelDataUrl", "")), str(digest)


def _without_archive(package: ModelPackageArn, reason: str) -> Champion:
    return Champion(
        model_package_arn=package.text, version=package.version, archive_sha256="", archive=b"", reason=reason
    )


def _unknown(reason: str) -> Champion:
    return Champion(model_package_arn="", version=0, archive_sha256="", archive=b"", reason=reason)
