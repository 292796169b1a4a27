"""The rehearsal's index of tags: what SageMaker hosts, found by its tags alone, page by page."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.account.cloud import Cloud
from tests.rehearsal.conftest import Roles

TYPES = ["sagemaker:endpoint", "sagemaker:endpoint-config", "sagemaker:model"]


@pytest.fixture(scope="module")
def index(cloud: Cloud, roles: Roles) -> Any:
    """Models: two of one stack in two versions, one of another stack, and one without any tag."""
    sagemaker, role = cloud.client("sagemaker"), roles.create(service="sagemaker.amazonaws.com")
    for name, tags in {
        "first": {"project": "road", "stack": "dev", "v": "1"},
        "second": {"project": "road", "stack": "dev", "v": "2"},
        "other": {"project": "road", "stack": "prod"},
        "bare": {},
    }.items():
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        image = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/ours:1"}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=image, Tags=listed)
    return cloud.client("resourcegroupstaggingapi")


def found(index: Any, *filters: tuple[str, list[str]], **options: Any) -> list[str]:
    wanted = [{"Key": key, "Values": values} for key, values in filters]
    pages = index.get_paginator("get_resources").paginate(TagFilters=wanted, ResourceTypeFilters=TYPES, **options)
    return [each["ResourceARN"].rpartition("/")[2] for page in pages for each in page["ResourceTagMappingList"]]


def test_every_key_must_be_there_with_one_of_its_values(index: Any) -> None:
    assert found(index, ("project", ["road"]), ("stack", ["dev"])) == ["first", "second"]
    assert found(index, ("v", [])) == ["first", "second"]
    assert found(index, ("stack", ["dev", "prod"]), ("v", ["2", "3"])) == ["second"]
    assert found(index, ("stack", ["test"])) == []


def test_what_has_no_tags_is_not_in_the_index(index: Any) -> None:
    assert found(index) == ["first", "second", "other"]


def test_pages_follow_each_other(index: Any) -> None:
    assert found(index, PaginationConfig={"PageSize": 1}) == ["first", "second", "other"]


def test_an_arn_names_kind_account_and_region(index: Any, cloud: Cloud) -> None:
    [each] = index.get_resources(TagFilters=[{"Key": "v", "Values": ["1"]}], ResourceTypeFilters=TYPES)[
        "ResourceTagMappingList"
    ]
    assert each["ResourceARN"] == f"arn:aws:sagemaker:{cloud.region}:{cloud.account}:model/first"
    assert {"Key": "stack", "Value": "dev"} in each["Tags"]


def test_an_endpoint_is_in_the_index_from_its_creation_to_its_end(index: Any, cloud: Cloud) -> None:
    sagemaker, tags = cloud.client("sagemaker"), [{"Key": "stack", "Value": "live"}]
    variant = {"VariantName": "v", "ModelName": "bare", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="bare-1", ProductionVariants=[variant])
    for name, own in (("served", tags), ("untagged", [])):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="bare-1", Tags=own)
    with pytest.raises(ClientError):
        sagemaker.create_endpoint(EndpointName="refused", EndpointConfigName="no-such", Tags=tags)
    assert found(index, ("stack", ["live"])) == ["served"]
    sagemaker.delete_endpoint(EndpointName="served")
    assert found(index, ("stack", ["live"])) == []


@pytest.mark.parametrize(
    "asked", [{}, {"ResourceTypeFilters": ["s3"]}, {"ResourceTypeFilters": ["sagemaker:training-job"]}]
)
def test_what_it_does_not_know_is_refused_and_not_left_out(index: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="not emulated"):
        index.get_resources(**asked)
