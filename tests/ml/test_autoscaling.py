"""The number of instances: within the plan's range by load, or fixed."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import autoscaling
from tests.ml.hosting_account import pauses, plan

SCALING = plan(instance_count="2", max_instance_count="6")
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/mle-004-churn/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


class Scaling:
    """Records what is sent; every operation answers with the next of its results, and the last one again."""

    def __init__(self, check: Any, **results: Any) -> None:
        self.check = check
        self.results = results
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.check("application-autoscaling", "".join(word.title() for word in operation.split("_")), parameters)
            self.sent.append((operation, parameters))
            script = self.results.get(operation, [None])
            result = script.pop(0) if len(script) > 1 else script[0]
            if result:
                raise result

        return call


@pytest.fixture
def scaling(check_request: Any) -> Any:
    return lambda **results: Scaling(check_request, **results)


def test_a_plan_with_a_range_becomes_a_target_and_its_policy(scaling: Any) -> None:
    fake = scaling()
    autoscaling.follow(fake, SCALING, pauses)

    (_, target), (_, policy) = fake.sent
    assert [operation for operation, _ in fake.sent] == ["register_scalable_target", "put_scaling_policy"]
    assert target == {**TARGET, "MinCapacity": 2, "MaxCapacity": 6}
    assert policy.items() > TARGET.items()
    assert (policy["PolicyName"], policy["PolicyType"]) == ("mle-004-churn-invocations", "TargetTrackingScaling")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }
    assert tracking["ScaleOutCooldown"] < tracking["ScaleInCooldown"]


def test_a_new_target_that_is_not_visible_yet_is_waited_for(scaling: Any, client_error: Any) -> None:
    unseen = client_error("ObjectNotFoundException")
    fake = scaling(put_scaling_policy=[unseen, unseen, None])
    autoscaling.follow(fake, SCALING, pauses)
    assert len(fake.sent) == 4

    with pytest.raises(ClientError, match="AccessDenied"):
        autoscaling.follow(scaling(put_scaling_policy=[client_error("AccessDeniedException")]), SCALING, pauses)


def test_a_plan_without_a_range_ends_scaling(scaling: Any) -> None:
    fake = scaling()
    autoscaling.follow(fake, plan(), pauses)
    assert fake.sent == [("deregister_scalable_target", TARGET)]


def test_scaling_that_never_began_needs_no_end_but_another_fault_is_raised(scaling: Any, client_error: Any) -> None:
    autoscaling.remove(scaling(deregister_scalable_target=[client_error("ObjectNotFoundException")]), plan())
    with pytest.raises(ClientError, match="AccessDenied"):
        autoscaling.remove(scaling(deregister_scalable_target=[client_error("AccessDeniedException")]), plan())


def test_serverless_scales_by_itself(scaling: Any) -> None:
    fake = scaling()
    autoscaling.follow(fake, plan(kind="serverless", instance_count="2", max_instance_count="6"), pauses)
    assert fake.sent == []
