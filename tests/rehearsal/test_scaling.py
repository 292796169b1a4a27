"""Application Auto Scaling for endpoints (API reference; user guide): what moto does not look at."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import autoscaling
from rehearsal.account.cloud import Credentials
from tests.ml.hosting_account import plan
from tests.rehearsal.endpoint_account import Endpoints, running_endpoints
from tests.rehearsal.runner_account import eventually, make_role

ACCOUNT = "arn:aws:{}:us-east-1:123456789012:{}"
ROLE = (
    "arn:aws:iam::123456789012:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    with running_endpoints(tmp_path_factory.mktemp("cloud"), quick=True) as hosting:
        yield hosting


@pytest.fixture
def scaling(hosting: Endpoints) -> Any:
    return hosting.cloud.client("application-autoscaling")


def target(name: str, **more: Any) -> dict[str, Any]:
    wanted = autoscaling.target_request(plan(name=name, instance_count="2", max_instance_count="4"))
    return {**wanted, **more}


def policy(name: str) -> dict[str, Any]:
    return autoscaling.policy_request(plan(name=name, instance_count="2", max_instance_count="4"))


def identity(name: str) -> dict[str, Any]:
    return {key: value for key, value in target(name).items() if not key.endswith("Capacity")}


def count(hosting: Endpoints, name: str) -> int:
    described = hosting.sagemaker.describe_endpoint(EndpointName=name)
    return int(described["ProductionVariants"][0]["DesiredInstanceCount"])


def test_a_new_target_brings_the_endpoint_into_its_range(hosting: Endpoints, scaling: Any):
    """API reference, RegisterScalableTarget: the current capacity is changed to a value inside of the range."""
    name = hosting.in_service(instances=1)
    scaling.register_scalable_target(**target(name))
    assert count(hosting, name) == 2
    scaling.register_scalable_target(**target(name, MinCapacity=1, MaxCapacity=1))
    assert count(hosting, name) == 1

    (known,) = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target(name)["ResourceId"]]
    )["ScalableTargets"]
    assert (known["MinCapacity"], known["MaxCapacity"], known["RoleARN"]) == (1, 1, ROLE)


def test_a_target_is_an_endpoint_in_service_with_instances(hosting: Endpoints, scaling: Any):
    with pytest.raises(ClientError, match="ValidationException.*Could not find endpoint"):
        scaling.register_scalable_target(**target("absent"))
    serverless = hosting.in_service(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    with pytest.raises(ClientError, match="ValidationException.*is serverless"):
        scaling.register_scalable_target(**target(serverless))
    with pytest.raises(ClientError, match="ValidationException"):
        scaling.register_scalable_target(**target("x", ResourceId="endpoint/x"))


def test_a_new_target_needs_both_ends_of_its_range(hosting: Endpoints, scaling: Any):
    name = hosting.in_service()
    with pytest.raises(ClientError, match="needs MinCapacity and MaxCapacity"):
        scaling.register_scalable_target(**identity(name))
    with pytest.raises(ClientError, match="must not be larger"):
        scaling.register_scalable_target(**target(name, MinCapacity=5))
    scaling.register_scalable_target(**target(name))
    scaling.register_scalable_target(**identity(name), MaxCapacity=9)


def test_a_policy_is_of_a_target_and_goes_with_it(hosting: Endpoints, scaling: Any):
    """API reference, PutScalingPolicy (ObjectNotFoundException) and DeregisterScalableTarget."""
    name = hosting.in_service()
    with pytest.raises(ClientError, match="ObjectNotFoundException.*No scalable target found"):
        scaling.put_scaling_policy(**policy(name))
    with pytest.raises(ClientError, match="ObjectNotFoundException.*No scalable target found"):
        scaling.deregister_scalable_target(**identity(name))
    scaling.register_scalable_target(**target(name))
    scaling.put_scaling_policy(**policy(name))
    scaling.put_scaling_policy(**policy(name))

    def policies() -> list[str]:
        found = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=target(name)["ResourceId"])
        return [each["PolicyName"] for each in found["ScalingPolicies"]]

    assert policies() == [f"{name}-invocations"]
    scaling.deregister_scalable_target(**identity(name))
    assert policies() == []


def test_what_is_not_played_is_refused(hosting: Endpoints, scaling: Any):
    name = hosting.in_service()
    scaling.register_scalable_target(**target(name))
    for given in (
        {**policy(name), "PolicyType": "StepScaling"},
        {**policy(name), "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}},
    ):
        with pytest.raises(ClientError, match="not emulated: a scaling policy other than"):
            scaling.put_scaling_policy(**given)
    scaling.put_scaling_policy(**policy(name))
    with pytest.raises(ClientError, match="not emulated: a second scaling policy"):
        scaling.put_scaling_policy(**{**policy(name), "PolicyName": "other"})
    with pytest.raises(ClientError, match="not emulated: scaling of anything but"):
        scaling.register_scalable_target(**target(name, ServiceNamespace="ecs"))
    with pytest.raises(ClientError, match="not emulated: auto scaling with SuspendedState"):
        scaling.register_scalable_target(**target(name), SuspendedState={})


def test_a_target_keeps_its_instance_type_but_not_its_model(hosting: Endpoints, scaling: Any):
    """SageMaker developer guide, "Update endpoints that use auto scaling"."""
    name = hosting.in_service(instances=2)
    scaling.register_scalable_target(**target(name))
    other = hosting.config(hosting.container(), instances=2, InstanceType="ml.c5.large")
    with pytest.raises(ClientError, match="ValidationException.*registered as a scalable target"):
        hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other)
    same = hosting.config(hosting.container(), instances=2)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=same)
    assert hosting.settled(name)["EndpointConfigName"] == same
    scaling.deregister_scalable_target(**identity(name))
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other)
    assert hosting.settled(name)["EndpointConfigName"] == other


# --- rights


def acting(hosting: Endpoints, name: str, *grants: tuple[str, str]) -> Callable[[str], Any]:
    """Return `client(service)` with the rights of a new role."""
    role = make_role(hosting.cloud, name, "codebuild.amazonaws.com", *grants)
    held: Credentials = hosting.cloud.assume(role, "codebuild.amazonaws.com", source_arn="-", session="test")
    return lambda service: hosting.cloud.client(service, held)


REGISTERING = [
    ("application-autoscaling:RegisterScalableTarget", "*"),
    ("sagemaker:DescribeEndpoint", "*"),
    ("sagemaker:UpdateEndpointWeightsAndCapacities", "*"),
]


def test_the_first_target_of_an_account_makes_the_role_that_scales(tmp_path: Any, hosting: Endpoints):
    """Application Auto Scaling user guide, "Service-linked roles"; the role exists once for all endpoints."""
    host: Any = hosting.host
    host._scaling._has_role = False
    name = hosting.in_service()
    without = acting(hosting, "WithoutRoleMaking", *REGISTERING)("application-autoscaling")
    with pytest.raises(ClientError, match="iam:CreateServiceLinkedRole"):
        without.register_scalable_target(**target(name))
    holder = acting(hosting, "WithRoleMaking", *REGISTERING, ("iam:CreateServiceLinkedRole", ROLE))
    holder("application-autoscaling").register_scalable_target(**target(name))
    without.register_scalable_target(**target(name))


def test_whoever_ends_scaling_must_be_able_to_remove_its_alarms(hosting: Endpoints, scaling: Any):
    name = hosting.in_service()
    scaling.register_scalable_target(**target(name))
    scaling.put_scaling_policy(**policy(name))
    ending = ("application-autoscaling:DeregisterScalableTarget", "*")
    with pytest.raises(ClientError, match="cloudwatch:DeleteAlarms"):
        acting(hosting, "WithoutAlarms", ending)("application-autoscaling").deregister_scalable_target(**identity(name))
    alarms = ACCOUNT.format("cloudwatch", f"alarm:TargetTracking-endpoint/{name}/variant/AllTraffic-*")
    client = acting(hosting, "WithAlarms", ending, ("cloudwatch:DeleteAlarms", alarms))("application-autoscaling")
    client.deregister_scalable_target(**identity(name))


def test_an_endpoint_takes_its_target_with_it_by_the_rights_of_whoever_deletes_it(hosting: Endpoints, scaling: Any):
    """SageMaker developer guide, "Delete endpoints configured for auto scaling"."""
    name = hosting.in_service()
    scaling.register_scalable_target(**target(name))
    deleting = ("sagemaker:DeleteEndpoint", "*")
    with pytest.raises(ClientError, match="application-autoscaling:DeregisterScalableTarget"):
        acting(hosting, "OnlyDeleting", deleting)("sagemaker").delete_endpoint(EndpointName=name)
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    eventually(lambda: not hosting.sagemaker.list_endpoints(NameContains=name)["Endpoints"])
    assert json.dumps(target(name)["ResourceId"]) not in json.dumps(
        [
            each["ResourceId"]
            for each in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        ]
    )
