"""Versions as the commands find them: one costs one description, and one that vanishes meanwhile stops nobody."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import contract
from ml.errors import InputError
from ml.operate.versions import all_versions, one_version
from tests.ml.operated_stack import GROUP, PACKAGE, pages, raising, refusal

PAGE = 100


class Registry:
    """A registry with this many versions, in pages; `faults` are what DescribeModelPackage answers for some."""

    def __init__(self, count: int, faults: dict[int, ClientError] | None = None) -> None:
        self.described: list[int] = []
        self._faults = faults or {}
        listed = [{"ModelPackageArn": f"{PACKAGE}/{number}"} for number in range(count, 0, -1)]
        self.get_paginator = pages(
            list_model_packages=[
                {"ModelPackageSummaryList": listed[start : start + PAGE]} for start in range(0, count, PAGE)
            ]
        )

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        number = int(ModelPackageName.rpartition("/")[2])
        self.described.append(number)
        if number in self._faults:
            raise self._faults[number]
        return {
            "ModelPackageArn": ModelPackageName,
            "CreationTime": None,
            "ModelApprovalStatus": contract.APPROVED,
            "ApprovalDescription": f"about {number}",
        }


GONE = refusal("ValidationException", "DescribeModelPackage", "ModelPackage arn does not exist.")
REFUSED = refusal("AccessDeniedException", "DescribeModelPackage")


@pytest.mark.parametrize("number", [1, 150, 300])
def test_one_version_of_many_is_one_description(number: int) -> None:
    registry: Any = Registry(300, {2: REFUSED})
    found = one_version(registry, GROUP, number)

    assert (found.number, found.reason) == (number, f"about {number}")
    assert registry.described == [number]


def test_a_number_that_no_version_has_describes_none_and_names_those_there_are() -> None:
    registry: Any = Registry(3)
    with pytest.raises(InputError, match=f"{GROUP} has no version 4; there is 3, 2, 1. See them"):
        one_version(registry, GROUP, 4)
    assert registry.described == []


def test_a_version_that_is_deleted_meanwhile_is_left_out_and_a_refusal_is_not() -> None:
    gone: Any = Registry(3, {2: GONE})
    assert [each.number for each in all_versions(gone, GROUP)] == [3, 1]
    refused: Any = Registry(3, {2: REFUSED})
    with pytest.raises(ClientError, match="AccessDenied"):
        all_versions(refused, GROUP)


def test_a_group_that_does_not_exist_is_told_with_its_repair() -> None:
    absent = refusal("ValidationException", "ListModelPackages", "ModelPackageGroup x does not exist.")
    nothing: Any = SimpleNamespace(get_paginator=pages(list_model_packages=absent), describe_model_package=raising("x"))
    for look in (lambda: all_versions(nothing, GROUP), lambda: one_version(nothing, GROUP, 1)):
        with pytest.raises(InputError, match=f"there is no model package group {GROUP}. Run pulumi up"):
            look()
