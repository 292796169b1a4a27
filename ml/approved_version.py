"""Which version an execution is about, and whether the registry lets it go live."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml import contract, registry
from ml.errors import InputError, RoadError
from ml.gate import one_line
from ml.registry import ModelPackageArn

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def requested(environment: Mapping[str, str]) -> ModelPackageArn | None:
    """Return the version that a person started this execution for, None where it trains. Raises InputError."""
    text = environment.get(contract.PIPELINE_VARIABLE, "").strip()
    if text in ("", contract.NO_RELEASE):
        return None
    return registry.parse_model_package_arn(text)


def is_same(one: ModelPackageArn, other: ModelPackageArn) -> bool:
    """Return whether both are the same version, in whichever case AWS or a person spells the group."""
    return one.is_in_group(other.group) and all(
        getattr(one, part) == getattr(other, part) for part in ("partition", "region", "account", "version")
    )


def is_of(package: ModelPackageArn, group: str, *, region: str, account: str) -> bool:
    """Return whether the version belongs to this stack: its group, its account and its region."""
    return package.is_in_group(group) and (package.region, package.account) == (region, account)


def check_place(package: ModelPackageArn, group: str, *, region: str, account: str) -> None:
    """Raise InputError unless the version belongs to this stack."""
    if not is_of(package, group, region=region, account=account):
        raise InputError(
            f"{package.text} is not a version of {group} in this account and region; nothing was deployed."
            " Name a version of this stack's registry"
        )


def approved(sagemaker: "SageMakerClient", arn: str) -> Mapping[str, Any]:
    """Return the registry's description of `arn`. Raises RoadError unless it is Approved and complete right now."""
    description = registry.describe(sagemaker, arn)
    standing, status = registry.standing(description), description["ModelPackageStatus"]
    if standing.status != contract.APPROVED or status != "Completed":
        reason = one_line(standing.reason, 200) or "no reason given"
        raise RoadError(
            f"{arn} is {standing.status} and {status} ({reason}); nothing was deployed."
            " Approve it in the registry and retry the stage, or push a better model"
        )
    return description
