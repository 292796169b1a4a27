"""What Application Auto Scaling asks IAM of whoever lets an endpoint scale.

Sources: service authorization reference for Application Auto Scaling; its user guide, "Permissions required for API
actions on target services and CloudWatch": the caller, too, needs the rights to scale the target and to keep alarms.
"""

from rehearsal.account.authorization_place import Params, Place
from rehearsal.account.calls import Check


def _on_target(action: str, params: Params) -> Check:
    """A target's ARN ends in an id that AWS makes up; nobody can name it, so the strictest reading asks for all."""
    context = {
        "application-autoscaling:service-namespace": params["ServiceNamespace"],
        "application-autoscaling:scalable-dimension": params["ScalableDimension"],
    }
    return Check(action=f"application-autoscaling:{action}", resource="*", context=context)


def register_scalable_target(params: Params, place: Place) -> list[Check]:
    """Ask on the target, and on the endpoint for what scaling reads and changes."""
    endpoint = place.arn("sagemaker", "/".join(params["ResourceId"].split("/")[:2]).lower())
    actions = ("DescribeEndpoint", "UpdateEndpointWeightsAndCapacities")
    on_endpoint = [Check(action=f"sagemaker:{action}", resource=endpoint) for action in actions]
    return [_on_target("RegisterScalableTarget", params), *on_endpoint]


def put_scaling_policy(params: Params, place: Place) -> list[Check]:
    """Ask on the target, and on the alarms that target tracking makes: their names begin with the resource's."""
    alarm = place.arn("cloudwatch", f"alarm:TargetTracking-{params['ResourceId']}-AlarmHigh-1")
    actions = ("PutMetricAlarm", "DescribeAlarms")
    on_alarms = [Check(action=f"cloudwatch:{action}", resource=alarm) for action in actions]
    return [_on_target("PutScalingPolicy", params), *on_alarms]


def deregister_scalable_target(params: Params, place: Place) -> list[Check]:
    """Ask on the target; the alarms of its policies are asked for where there are any."""
    return [_on_target("DeregisterScalableTarget", params)]
