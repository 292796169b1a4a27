"""What a person reads of a road's registry and endpoint, however many there are of either."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from rehearsal.drills.rollout import _nothing_left
from rehearsal.road import Road

GROUP = "Paged"


def test_every_version_of_the_group_is_read_however_many_pages_hold_them(cloud):
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    for _ in range(11):
        sagemaker.create_model_package(ModelPackageGroupName=GROUP)
    assert "NextToken" in sagemaker.list_model_packages(ModelPackageGroupName=GROUP)

    road = SimpleNamespace(cloud=cloud, outputs={"model_package_group": GROUP})

    assert [package["ModelPackageVersion"] for package in Road.packages(road)] == list(range(11, 0, -1))


class Crowded:
    """An account whose lists come in pages of which the first says nothing of this road."""

    def __init__(self, refusal=None):
        self._refusal = refusal

    def client(self, service):
        return self

    def list_endpoints(self, **_):
        return {"Endpoints": [{"EndpointName": "another"}], "NextToken": "2"}

    def describe_endpoint(self, EndpointName):
        if self._refusal:
            raise self._refusal
        return {"EndpointConfigName": f"{EndpointName}-config"}

    def list_models(self, **_):
        return {"Models": [], "NextToken": "2"}

    def get_paginator(self, operation):
        pages = [self.list_models(), {"Models": [{"ModelName": "churn--v7-left"}]}]
        return SimpleNamespace(paginate=lambda NameContains: pages)


def serving_config(account):
    return Road.serving_config(SimpleNamespace(cloud=account, endpoint="churn"))


def refusal(code, message):
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeEndpoint")


def test_the_endpoint_is_found_among_many_and_an_absent_one_has_no_configuration():
    assert serving_config(Crowded()) == "churn-config"
    assert serving_config(Crowded(refusal("ValidationException", 'Could not find endpoint "churn".'))) == ""
    with pytest.raises(ClientError, match="AccessDenied"):
        serving_config(Crowded(refusal("AccessDeniedException", "no")))


def test_what_a_drill_left_is_found_on_any_page():
    stand = SimpleNamespace(cloud=Crowded(), road=SimpleNamespace(endpoint="churn"))
    proof = _nothing_left(stand, "arn/7")

    assert (proof.holds, proof.detail) == (False, "churn--v7-left is left")
