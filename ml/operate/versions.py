"""The versions in the registry, as the commands speak of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract, registry
from ml.absence import is_gone
from ml.errors import InputError
from ml.registry import ModelPackageArn

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version: what the registry says of it."""

    arn: ModelPackageArn
    created: datetime
    status: str
    reason: str
    description: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Its number in the group."""
        return self.arn.version

    @property
    def metadata(self) -> Mapping[str, str]:
        """What was registered with it: commit, execution, digests, metrics."""
        found: Mapping[str, str] = self.description.get("CustomerMetadataProperties", {})
        return found

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that were registered with it."""
        prefix = contract.METADATA_METRIC_PREFIX
        return {
            key.removeprefix(prefix): float(value) for key, value in self.metadata.items() if key.startswith(prefix)
        }

    @property
    def archive_uri(self) -> str:
        """Where its model archive lies."""
        return str(self.description["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])


def all_versions(sagemaker: "SageMakerClient", group: str) -> list[Version]:
    """Return every version of the group, newest first, without those that vanish meanwhile.

    Raises InputError where there is no such group.
    """
    found = []
    for arn in _arns(sagemaker, group):
        try:
            found.append(_version(registry.describe(sagemaker, arn.text)))
        except ClientError as error:
            if not is_gone(error):
                raise
    return found


def one_version(sagemaker: "SageMakerClient", group: str, number: int) -> Version:
    """Return version `number` of the group. Raises InputError that names the versions there are."""
    arns = _arns(sagemaker, group)
    for arn in arns:
        if arn.version == number:
            return _version(registry.describe(sagemaker, arn.text))
    known = ", ".join(str(arn.version) for arn in arns) or "none"
    raise InputError(f"{group} has no version {number}; there is {known}. See them: python -m ml history")


def _arns(sagemaker: "SageMakerClient", group: str) -> list[ModelPackageArn]:
    """Return the group's versions, newest first, as the list has them. Raises InputError where there is no group."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    try:
        texts = [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]
    except ClientError as error:
        if not is_gone(error):
            raise
        raise InputError(f"there is no model package group {group}. Run pulumi up, or name another --stack") from error
    arns = [registry.parse_model_package_arn(text) for text in texts]
    return sorted((arn for arn in arns if arn.is_in_group(group)), key=lambda arn: arn.version, reverse=True)


def _version(description: Mapping[str, Any]) -> Version:
    standing = registry.standing(description)
    return Version(
        arn=registry.parse_model_package_arn(description["ModelPackageArn"]),
        created=description["CreationTime"],
        status=standing.status,
        reason=standing.reason,
        description=description,
    )
