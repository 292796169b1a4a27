"""The model registry's packages, which moto gets wrong in most of what matters here, kept as SageMaker keeps them.

moto ignores ClientToken and model cards, wipes on update whatever the update did not mention, and always writes the
group's name in lower case into a package's ARN. Groups stay moto's own, except that it accepts a second one of the same
name.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import sagemaker_backends

from rehearsal.account import model_card
from rehearsal.account.calls import AwsError, Caller, Reply, caller_arn
from rehearsal.account.gateway import Proceed

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

PENDING = "PendingManualApproval"
_PAGE_SIZE = 10
_UPDATABLE = {
    "ModelPackageArn",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "CustomerMetadataProperties",
    "CustomerMetadataPropertiesToRemove",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
    "ClientToken",
}
_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


class ModelPackages:
    """Every version of every group. Safe to use from any thread."""

    def __init__(self, cloud: "Cloud", *, lower_case: bool) -> None:
        self._cloud = cloud
        self._lower_case = lower_case
        self._lock = threading.Lock()
        self._packages: dict[str, dict[str, Any]] = {}
        self._arns_by_token: dict[str, str] = {}
        self._last_versions: dict[str, int] = {}
        cloud.operation("sagemaker", "CreateModelPackage", self._create)
        cloud.operation("sagemaker", "DescribeModelPackage", self._describe)
        cloud.operation("sagemaker", "UpdateModelPackage", self._update)
        cloud.operation("sagemaker", "ListModelPackages", self._list)
        cloud.operation("sagemaker", "DeleteModelPackage", self._delete)
        cloud.correct("sagemaker", "CreateModelPackageGroup", self._refuse_second_group)
        cloud.operation("sagemaker", "DeleteModelPackageGroup", self._delete_group)

    def get(self, arn: str) -> Mapping[str, Any]:
        """Return a package as DescribeModelPackage shows it. Raises AwsError when there is none."""
        with self._lock:
            return dict(self._find(arn))

    def _identity(self, caller: Caller) -> dict[str, Any]:
        return {"IamIdentity": {"Arn": caller_arn(self._cloud.account, caller)}}

    def _find(self, arn: str) -> dict[str, Any]:
        if arn not in self._packages:
            raise AwsError("ValidationException", f"ModelPackage {arn} does not exist.")
        return self._packages[arn]

    def _groups(self) -> dict[str, Any]:
        groups: dict[str, Any] = sagemaker_backends[self._cloud.account][self._cloud.region].model_package_groups
        return groups

    def _refuse_second_group(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        group = self._groups().get(params["ModelPackageGroupName"])
        if group:
            raise AwsError("ValidationException", f"Model Package Group already exists: {group.arn}")
        return proceed(params)

    def _create(self, params: dict[str, Any], caller: Caller) -> dict[str, str]:
        group = self._group_of(params)
        token = params.pop("ClientToken", None)
        model_card.check(params.get("ModelCard", {}))
        with self._lock:
            if token in self._arns_by_token:
                return {"ModelPackageArn": self._arns_by_token[token]}
            arn = self._store(group, {**params, "CreatedBy": self._identity(caller)})
            if token:
                self._arns_by_token[token] = arn
        self._cloud.package_changed(arn)
        return {"ModelPackageArn": arn}

    def _group_of(self, params: Mapping[str, Any]) -> str:
        if "ModelPackageName" in params and "ModelPackageGroupName" in params:
            text = "Both ModelPackageName and ModelPackageGroupName are provided. Cannot determine which one to use."
            raise AwsError("ValidationException", text)
        if "ModelPackageGroupName" not in params:
            raise NotImplementedError("model packages without a group")
        if params.get("Tags"):
            text = "Tags are not allowed for a versioned model package. Tag its Model Package Group."
            raise AwsError("ValidationException", text)
        group = str(params["ModelPackageGroupName"]).rpartition("/")[2]
        if group not in self._groups():
            raise AwsError("ValidationException", f"Model Package Group {group} does not exist.")
        return group

    def _store(self, group: str, params: Mapping[str, Any]) -> str:
        # The number of a deleted version is not given again. Not verified against AWS.
        version = self._last_versions[group] = self._last_versions.get(group, 0) + 1
        spelt = group.lower() if self._lower_case else group
        account, region = self._cloud.account, self._cloud.region
        arn = f"arn:aws:sagemaker:{region}:{account}:model-package/{spelt}/{version}"
        self._packages[arn] = {
            "ModelApprovalStatus": PENDING,
            "CertifyForMarketplace": False,
            **params,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": arn,
            "CreationTime": datetime.now(UTC),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        return arn

    def _describe(self, params: dict[str, Any], _caller: Caller) -> Mapping[str, Any]:
        return self.get(params["ModelPackageName"])

    def _update(self, params: dict[str, Any], caller: Caller) -> dict[str, str]:
        if unknown := set(params) - _UPDATABLE:
            raise NotImplementedError(f"UpdateModelPackage with {', '.join(sorted(unknown))}")
        arn = params.pop("ModelPackageArn")
        params.pop("ClientToken", None)
        added = params.pop("CustomerMetadataProperties", {})
        removed = params.pop("CustomerMetadataPropertiesToRemove", [])
        with self._lock:
            package = self._find(arn)
            card = package.get("ModelCard", {})
            model_card.check(params.get("ModelCard", {}), card)
            metadata = {**package.get("CustomerMetadataProperties", {}), **added}
            kept = {key: value for key, value in metadata.items() if key not in removed}
            self._packages[arn] = {
                **package,
                **params,
                "CustomerMetadataProperties": kept,
                **({"ModelCard": {**card, **params["ModelCard"]}} if "ModelCard" in params else {}),
                "LastModifiedTime": datetime.now(UTC),
                "LastModifiedBy": self._identity(caller),
            }
        self._cloud.package_changed(arn)
        return {"ModelPackageArn": arn}

    def _delete(self, params: dict[str, Any], _caller: Caller) -> None:
        with self._lock:
            del self._packages[self._find(params["ModelPackageName"])["ModelPackageArn"]]

    def _delete_group(self, params: dict[str, Any], _caller: Caller) -> None:
        """Delete a group. SageMaker keeps one that holds versions; the error's words are not verified against AWS."""
        name = params["ModelPackageGroupName"].rpartition("/")[2]
        group = self._groups().get(name)
        if group is None:
            raise AwsError("ValidationException", f"ModelPackageGroup {name} does not exist.")
        with self._lock:
            held = sum(package["ModelPackageGroupName"] == name for package in self._packages.values())
        if held:
            raise AwsError("ConflictException", f"Model Package Group {group.arn} has {held} versions.")
        del self._groups()[name]
        self._last_versions.pop(name, None)

    def _list(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        """Answer ListModelPackages, newest first as it is by default."""
        wanted = {name: params.pop(name) for name in ("ModelPackageGroupName", "ModelApprovalStatus") if name in params}
        first, size = int(params.pop("NextToken", 0)), params.pop("MaxResults", _PAGE_SIZE)
        if params.pop("SortBy", "CreationTime") != "CreationTime":
            raise NotImplementedError("ListModelPackages sorted by name")
        newest_first = params.pop("SortOrder", "Descending") == "Descending"
        if params:
            raise NotImplementedError(f"ListModelPackages with {', '.join(sorted(params))}")
        with self._lock:
            found = [p for p in self._packages.values() if all(p[name] == value for name, value in wanted.items())]
        if newest_first:
            found.reverse()
        page = [{name: p[name] for name in _SUMMARY if name in p} for p in found[first : first + size]]
        more = {"NextToken": str(first + size)} if first + size < len(found) else {}
        return {"ModelPackageSummaryList": page, **more}
