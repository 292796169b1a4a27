"""What the deploy step asks of a version beside its approval: that it is the one its build registered, and whole."""

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml import registration, serving_image, storage
from ml.errors import RoadError
from ml.gate import one_line
from ml.registration import TRAIN_AGAIN, Registration

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CODE_PLACE = "/opt/ml/model/"
"""Where the container unpacks the archive: its code must come from there, as it is what was hashed and approved."""


def container_of(description: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    """Return the package's one container. Raises RoadError unless it is the serving image with code from the archive.

    So much holds for versions of every commit: an older one, which a person asks for, may have an older image.
    """
    containers = description.get("InferenceSpecification", {}).get("Containers", [])
    repository = serving_image.uri(region).rpartition(":")[0]
    if len(containers) != 1 or str(containers[0].get("Image")).rpartition(":")[0] != repository:
        images = one_line(", ".join(str(container.get("Image")) for container in containers), 300) or "absent"
        raise RoadError(
            f"the package's image is {images}, not one of {repository}; nothing was deployed. Train again:"
            f" {TRAIN_AGAIN}"
        )
    container: Mapping[str, Any] = containers[0]
    code = str(container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY"))
    if not posixpath.normpath(code).startswith(CODE_PLACE):
        raise RoadError(
            f"the package takes its code from {one_line(code, 200)}, not from its archive; nothing was deployed."
            f" Train again: {TRAIN_AGAIN}"
        )
    return container


def check_of_this_commit(registered: Registration, container: Mapping[str, Any], *, commit: str, region: str) -> None:
    """Raise RoadError unless a version that nobody asked for is of this commit, with its image and environment."""
    if registered.commit != commit:
        raise RoadError(
            f"{registered.model_package_arn} was made of commit {one_line(registered.commit, 80)}, not of"
            f" {one_line(commit, 80)}, which is deploying; nothing was deployed. Train again: {TRAIN_AGAIN}"
        )
    served = {"Image": serving_image.uri(region), "Environment": dict(serving_image.ENVIRONMENT)}
    found = {field: container.get(field) for field in served}
    if changes := list(registration.differences(served, found)):
        raise RoadError(
            f"{registered.model_package_arn} is not what this commit's ml/serving_image.py says:"
            f" {registration.shown(changes)}; nothing was deployed. Train again: {TRAIN_AGAIN}"
        )


def archive(s3: "S3Client", bucket: str, registered: Registration, container: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return the package's archive and where it lies.

    Raises RoadError unless it lies in the model bucket and holds the very bytes that were registered and approved.
    """
    uri = str(container.get("ModelDataUrl"))
    if not uri.startswith(f"s3://{bucket}/"):
        raise RoadError(f"{uri} is not in the model bucket {bucket}; nothing was deployed. Train again: {TRAIN_AGAIN}")
    body = storage.read(s3, uri)
    found = storage.sha256(body)
    if found != registered.archive_sha256:
        raise RoadError(
            f"{uri} has SHA-256 {found}, registered was {registered.archive_sha256}; nothing was deployed. Train again:"
            f" {TRAIN_AGAIN}"
        )
    return uri, body
