"""What deploying and serving may do follows from the endpoint's settings: no grant for what was not chosen."""

import json
from typing import Any

import pytest

from components.arns import Arns
from components.grants.deploy import deploy_statements
from components.grants.execution import execution_statements
from components.grants.train import train_statements
from components.iam import document
from components.names import Names
from components.settings import Settings
from tests.harness import ACCOUNT, REGION

POLICY_CHARACTERS = 6144
SCALING = {"instanceCount": 2, "maxInstanceCount": 4, "traffic": "canary"}
ALARMS = [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:mle-004-endpoint-{kind}-prod" for kind in ("errors", "latency")]


def statements(role: str, **endpoint: Any) -> dict[str, dict[str, Any]]:
    """Return the role's statements by their Sid, for a stack with these endpoint settings."""
    settings = Settings.parse({"endpoint": endpoint}, stack="prod", project="mle-004")
    arns = Arns(names=Names.of(settings, account=ACCOUNT, region=REGION))
    found = {"deploy": deploy_statements, "execution": execution_statements}[role](arns, settings)
    return {statement["Sid"]: statement for statement in json.loads(document(found))["Statement"]}


def actions(role: str, **endpoint: Any) -> set[str]:
    return {
        action
        for statement in statements(role, **endpoint).values()
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


MAKING_SCALABLE = {
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "cloudwatch:PutMetricAlarm",
    "iam:CreateServiceLinkedRole",
}


def test_only_an_endpoint_that_scales_may_be_made_scalable() -> None:
    assert actions("deploy", **SCALING) >= MAKING_SCALABLE
    for fixed in ({}, {"instanceCount": 2}, {"kind": "serverless"}):
        assert not MAKING_SCALABLE & actions("deploy", **fixed)


def test_an_endpoint_with_instances_may_always_end_scaling_which_may_have_been_chosen_before() -> None:
    assert "application-autoscaling:DeregisterScalableTarget" in actions("deploy")
    assert not any("autoscaling" in action for action in actions("deploy", kind="serverless"))


def test_scaling_is_of_endpoints_alone_and_its_role_of_that_service() -> None:
    found = statements("deploy", **SCALING)
    for sid in ("Scale", "EndScaling"):
        assert found[sid]["Condition"] == {
            "StringEquals": {
                "application-autoscaling:service-namespace": "sagemaker",
                "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
            }
        }
    assert found["MakeScalingRole"]["Condition"] == {
        "StringEquals": {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}
    }
    assert found["MakeScalingRole"]["Resource"] == [
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    ]


def test_scaling_touches_this_endpoints_own_alarms() -> None:
    (pattern,) = statements("deploy", **SCALING)["PutScalingAlarms"]["Resource"]

    assert pattern.endswith(":alarm:TargetTracking-endpoint/mle-004-churn-prod/variant/AllTraffic-*")


@pytest.mark.parametrize("role", ["deploy", "execution"])
def test_alarms_are_seen_where_an_update_is_watched(role: str) -> None:
    assert statements(role)["SeeRolloutAlarms"]["Resource"] == ALARMS
    assert "SeeRolloutAlarms" not in statements(role, bakeSeconds=0)
    assert "SeeRolloutAlarms" not in statements(role, kind="serverless")


def test_models_are_isolated_but_for_serverless_ones_which_cannot_be() -> None:
    isolated = {"Bool": {"sagemaker:NetworkIsolation": "true"}}

    assert statements("deploy")["MakeModels"]["Condition"] == isolated
    assert "Condition" not in statements("deploy", kind="serverless")["MakeModels"]


def test_configurations_ask_for_the_chosen_machines_only() -> None:
    assert statements("deploy", instanceType="ml.c5.large")["MakeEndpointConfigs"]["Condition"] == {
        "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.c5.large"]},
        "Null": {"sagemaker:InstanceTypes": "false"},
    }
    serverless = statements("deploy", kind="serverless", memoryMb=3072, maxConcurrency=7)
    assert serverless["MakeEndpointConfigs"]["Condition"] == {
        "NumericEquals": {"sagemaker:ServerlessMemorySize": "3072", "sagemaker:ServerlessMaxConcurrency": "7"},
        "Null": {"sagemaker:InstanceTypes": "true"},
    }


def test_only_what_this_stack_made_can_be_removed() -> None:
    found = statements("deploy", **SCALING)
    deletions = ("sagemaker:DeleteModel", "sagemaker:DeleteEndpointConfig", "sagemaker:DeleteEndpoint")

    assert [one["Resource"] for action in deletions for one in found.values() if action in one["Action"]] == [
        [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/mle-004-churn-prod--*"],
        [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/mle-004-churn-prod--*"],
        [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/mle-004-churn-prod"],
    ]


def test_the_longest_policy_fits_into_what_iam_stores() -> None:
    """The longest names that AWS accepts, in a region with a long one, and everything chosen."""
    values = {"endpoint": SCALING, "nameSuffix": "-a2345678", "modelPackageGroup": "G" * 54}
    settings = Settings.parse(values, stack="prod", project="mle-004")
    arns = Arns(names=Names.of(settings, account=ACCOUNT, region="ap-northeast-1"))

    assert len(document(deploy_statements(arns, settings))) < POLICY_CHARACTERS


@pytest.mark.parametrize("role", [train_statements, execution_statements])
def test_what_training_jobs_need_fits_as_well(role: Any) -> None:
    training = {"engine": "sagemaker", "dataUri": f"s3://{'b' * 63}/{'k' * 400}.parquet"}
    values = {"training": training, "nameSuffix": "-a2345678", "modelPackageGroup": "G" * 54}
    settings = Settings.parse(values, stack="prod", project="mle-004")
    arns = Arns(names=Names.of(settings, account=ACCOUNT, region="ap-northeast-1"))

    assert len(document(role(arns, settings))) < POLICY_CHARACTERS
