"""Application Auto Scaling for endpoints: targets and policies as AWS keeps them. Nothing here makes load.

Sources: API reference of Application Auto Scaling; its user guide, "Permissions required for API actions on target
services and CloudWatch" and "Service-linked roles". moto knows no endpoint, takes a policy for a target that is not
there, and leaves it when the target goes. The wording of the refusals is ours.
"""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rehearsal.account.calls import OPERATOR, AwsError, Caller, Check
from rehearsal.account.cloud import Cloud

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_PLAYED_METRIC = "SageMakerVariantInvocationsPerInstance"
_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
_LINKED_ROLE = f"aws-service-role/{_SERVICE}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"

Bound = Callable[[str, int, int], None]
"""Endpoint's name, least and most instances: bring the endpoint into this range, or raise AwsError."""


class Scaling:
    """The account's scalable targets, each an endpoint's one variant. Safe to use from any thread."""

    def __init__(self, cloud: Cloud, bound: Bound) -> None:
        self._cloud = cloud
        self._bound = bound
        self._lock = threading.Lock()
        self._has_role = False
        self._targets: dict[str, dict[str, Any]] = {}
        self._policies: dict[str, dict[str, Any]] = {}
        for name, handler in {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "PutScalingPolicy": self._put_policy,
            "DescribeScalableTargets": self._describe_targets,
            "DescribeScalingPolicies": self._describe_policies,
        }.items():
            cloud.operation("application-autoscaling", name, handler)

    def is_target(self, endpoint: str) -> bool:
        """Return whether the endpoint's number of instances follows the load."""
        with self._lock:
            return any(_endpoint_of(resource) == endpoint for resource in self._targets)

    def endpoint_goes(self, endpoint: str, caller: Caller) -> None:
        """Take the endpoint's target away with it, by the rights of whoever deletes the endpoint.

        SageMaker developer guide, "Delete endpoints configured for auto scaling". Raises AwsError without them.
        """
        with self._lock:
            gone = [resource for resource in self._targets if _endpoint_of(resource) == endpoint]
        for resource in gone:
            context = {
                "application-autoscaling:service-namespace": "sagemaker",
                "application-autoscaling:scalable-dimension": _DIMENSION,
            }
            self._ask(
                caller, Check(action="application-autoscaling:DeregisterScalableTarget", resource="*", context=context)
            )
            self._remove(resource, caller)

    # --- operations --------------------------------------------------------------------------------------------------

    def _register(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        resource = _resource(params, "MinCapacity", "MaxCapacity")
        with self._lock:
            known = self._targets.get(resource, {})
        target = {**known, **params}
        if not {"MinCapacity", "MaxCapacity"} <= set(target):
            raise AwsError("ValidationException", "A new scalable target needs MinCapacity and MaxCapacity.")
        if target["MinCapacity"] > target["MaxCapacity"]:
            raise AwsError("ValidationException", "MinCapacity must not be larger than MaxCapacity.")
        self._bound(_endpoint_of(resource), target["MinCapacity"], target["MaxCapacity"])
        self._make_role(caller)
        place = f"{self._cloud.region}:{self._cloud.account}"
        arn = f"arn:aws:application-autoscaling:{place}:scalable-target/{uuid.uuid4().hex}"
        made = {"RoleARN": self._linked_role, "CreationTime": datetime.now(UTC), "ScalableTargetARN": arn}
        with self._lock:
            self._targets[resource] = {**made, **target}
            return {"ScalableTargetARN": self._targets[resource]["ScalableTargetARN"]}

    def _deregister(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self._remove(self._require(params), caller)
        return {}

    def _put_policy(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        resource = self._require(params, "PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration")
        tracking = params.get("TargetTrackingScalingPolicyConfiguration", {})
        metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
        if params.get("PolicyType") != "TargetTrackingScaling" or metric != _PLAYED_METRIC:
            raise NotImplementedError(f"a scaling policy other than target tracking of {_PLAYED_METRIC}")
        name = params["PolicyName"]
        place = f"{self._cloud.region}:{self._cloud.account}"
        arn = f"arn:aws:autoscaling:{place}:scalingPolicy:resource/sagemaker/{resource}:policyName/{name}"
        kept = {**params, "PolicyARN": arn, "CreationTime": datetime.now(UTC), "Alarms": []}
        with self._lock:
            # One for each target: whoever renames it would have two that contradict each other.
            others = self._policies.get(resource, kept)
            if others["PolicyName"] != name:
                raise NotImplementedError("a second scaling policy for one target")
            self._policies[resource] = kept
        return {"PolicyARN": arn, "Alarms": []}

    def _describe_targets(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        _refuse_others(params, "ServiceNamespace", "ResourceIds", "ScalableDimension")
        wanted = params.get("ResourceIds")
        with self._lock:
            found = [target for resource, target in self._targets.items() if not wanted or resource in wanted]
        return {"ScalableTargets": found}

    def _describe_policies(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        _refuse_others(params, "ServiceNamespace", "ResourceId", "ScalableDimension")
        with self._lock:
            found = [
                policy for resource, policy in self._policies.items() if resource == params.get("ResourceId", resource)
            ]
        return {"ScalingPolicies": found}

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def _require(self, params: dict[str, Any], *known: str) -> str:
        resource = _resource(params, *known)
        with self._lock:
            if resource in self._targets:
                return resource
        text = f"No scalable target found for service namespace: sagemaker, resource ID: {resource}"
        raise AwsError("ObjectNotFoundException", f"{text}, scalable dimension: {_DIMENSION}")

    def _remove(self, resource: str, caller: Caller) -> None:
        """A target's policies go with it, and theirs alarms with them."""
        with self._lock:
            policy = self._policies.get(resource)
        if policy:
            place = f"{self._cloud.region}:{self._cloud.account}"
            alarm = f"arn:aws:cloudwatch:{place}:alarm:TargetTracking-{resource}-AlarmHigh-1"
            self._ask(caller, Check(action="cloudwatch:DeleteAlarms", resource=alarm))
        with self._lock:
            self._policies.pop(resource, None)
            self._targets.pop(resource, None)

    @property
    def _linked_role(self) -> str:
        return f"arn:aws:iam::{self._cloud.account}:role/{_LINKED_ROLE}"

    def _make_role(self, caller: Caller) -> None:
        """The first target of an account makes the role under which AWS scales, by the caller's rights."""
        if not self._has_role:
            context = {"iam:AWSServiceName": _SERVICE}
            self._ask(caller, Check(action="iam:CreateServiceLinkedRole", resource=self._linked_role, context=context))
            self._has_role = True

    def _ask(self, caller: Caller, check: Check) -> None:
        if caller != OPERATOR:
            self._cloud.authorizer.ask(caller, check, via="auto scaling")


def _resource(params: dict[str, Any], *known: str) -> str:
    _refuse_others(params, *_TARGET, *known)
    if (params["ServiceNamespace"], params["ScalableDimension"]) != ("sagemaker", _DIMENSION):
        raise NotImplementedError("scaling of anything but an endpoint's instances")
    resource: str = params["ResourceId"]
    if resource.split("/")[::2] != ["endpoint", "variant"]:
        raise AwsError("ValidationException", f"{resource} is not endpoint/<name>/variant/<name>.")
    return resource


def _endpoint_of(resource: str) -> str:
    return resource.split("/")[1]


def _refuse_others(params: dict[str, Any], *known: str) -> None:
    if others := sorted(set(params) - set(known)):
        raise NotImplementedError(f"auto scaling with {', '.join(others)}")
