"""Which version an execution is about: asked for by a person or trained, this stack's, and approved right now."""

from types import SimpleNamespace
from typing import Any

import pytest

from ml import approved_version, registry
from ml.errors import InputError, RoadError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/3"


def package(text: str = ARN) -> registry.ModelPackageArn:
    return registry.parse_model_package_arn(text)


@pytest.mark.parametrize("environment", [{}, {"RELEASE_MODEL_PACKAGE_ARN": ""}, {"RELEASE_MODEL_PACKAGE_ARN": "none"}])
def test_without_the_pipelines_variable_nobody_asked(environment: dict[str, str]) -> None:
    assert approved_version.requested(environment) is None


def test_the_variable_names_a_version() -> None:
    assert approved_version.requested({"RELEASE_MODEL_PACKAGE_ARN": f" {ARN} "}) == package()
    for text in ("None", "3", ARN.rpartition("/")[0]):
        with pytest.raises(InputError, match="is not the ARN of a model package version"):
            approved_version.requested({"RELEASE_MODEL_PACKAGE_ARN": text})


def test_the_same_version_may_be_spelt_in_either_case() -> None:
    assert approved_version.is_same(package(), package(ARN.lower()))
    for other in ("/4", "us-east-2", "999999999999", "OtherModels"):
        changed = {
            "/4": ARN[:-2] + "/4",
            "us-east-2": ARN.replace("us-east-1", "us-east-2"),
            "999999999999": ARN.replace("123456789012", "999999999999"),
            "OtherModels": ARN.replace("ChurnPredictionModels", "OtherModels"),
        }[other]
        assert not approved_version.is_same(package(), package(changed))


def test_a_version_belongs_to_the_stacks_group_account_and_region() -> None:
    here: dict[str, Any] = {"region": "us-east-1", "account": "123456789012"}
    approved_version.check_place(package(), "churnpredictionmodels", **here)
    for group, place in (
        ("OtherModels", here),
        ("ChurnPredictionModels", here | {"region": "us-east-2"}),
        ("ChurnPredictionModels", here | {"account": "999999999999"}),
        ("ChurnPredictionModels", here | {"account": ""}),
    ):
        with pytest.raises(InputError, match=f"{ARN} is not a version of {group} in this account and region"):
            approved_version.check_place(package(), group, **place)


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        ("PendingManualApproval", "Completed"),
        ("Rejected", "Completed"),
        ("Approved", "InProgress"),
        ("Approved", "Failed"),
    ],
)
def test_only_an_approved_and_complete_version_may_go_live(status: str, complete: str) -> None:
    found = {"ModelApprovalStatus": status, "ModelPackageStatus": complete, "ApprovalDescription": "by\nAnn"}
    sagemaker: Any = SimpleNamespace(describe_model_package=lambda ModelPackageName: found)
    with pytest.raises(RoadError, match=rf"{ARN} is {status} and {complete} \(by Ann\); nothing was deployed"):
        approved_version.approved(sagemaker, ARN)

    found |= {"ModelApprovalStatus": "Approved", "ModelPackageStatus": "Completed"}
    assert approved_version.approved(sagemaker, ARN) == found
