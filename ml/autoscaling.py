"""Let the number of the endpoint's instances follow the load, or stay."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract
from ml.endpoint import Pauses, when_visible
from ml.endpoint_plan import EndpointPlan

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient

INVOCATIONS_PER_INSTANCE = 5000.0
"""Per minute. AWS's rule is half of what an instance bears (developer guide, "Load testing your auto scaling
configuration"); the slowest of our own measurements, a forest of 100 trees on two cores, bore 185 in a second."""

SCALE_OUT_SECONDS = 60
SCALE_IN_SECONDS = 300
_ABSENT = "ObjectNotFoundException"


def follow(client: "ApplicationAutoScalingClient", plan: EndpointPlan, pauses: Pauses) -> None:
    """Make the endpoint scale as the plan says: within its range, or not at all. Serverless scales by itself."""
    if plan.serverless:
        return
    if not plan.scales:
        remove(client, plan)
        return
    client.register_scalable_target(**target_request(plan))
    # The new target may be invisible for a moment (API reference, RegisterScalableTarget).
    request = policy_request(plan)
    when_visible(lambda: client.put_scaling_policy(**request), pauses, codes=frozenset({_ABSENT}))


def remove(client: "ApplicationAutoScalingClient", plan: EndpointPlan) -> None:
    """Leave the number of instances as it is. The scaling policy goes with the target (API reference)."""
    try:
        client.deregister_scalable_target(**_target(plan))
    except ClientError as error:
        if error.response["Error"].get("Code") != _ABSENT:
            raise


def target_request(plan: EndpointPlan) -> dict[str, Any]:
    """Return the parameters of RegisterScalableTarget."""
    return {**_target(plan), "MinCapacity": plan.instance_count, "MaxCapacity": plan.max_instance_count}


def policy_request(plan: EndpointPlan) -> dict[str, Any]:
    """Return the parameters of PutScalingPolicy."""
    return {
        **_target(plan),
        "PolicyName": f"{plan.name}-invocations",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": INVOCATIONS_PER_INSTANCE,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            "ScaleOutCooldown": SCALE_OUT_SECONDS,
            "ScaleInCooldown": SCALE_IN_SECONDS,
        },
    }


def _target(plan: EndpointPlan) -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{plan.name}/variant/{contract.VARIANT_NAME}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
