"""The requests that put a version on the endpoint, held against SageMaker's own model."""

import dataclasses
from typing import Any

import botocore.session
import pytest

from ml import endpoint_config
from ml.errors import InputError
from tests.ml.hosting_account import GROUP_ARN, NAME, ROLE, plan, release

FLEET = {"instance_count": "4", "max_instance_count": "8"}


# --- model and configuration


def test_a_model_is_made_of_the_package_and_isolated(check_request: Any) -> None:
    request = endpoint_config.model_request(release(7))
    check_request("sagemaker", "CreateModel", request)

    assert request == {
        "ModelName": release(7).model_name,
        "ExecutionRoleArn": ROLE,
        "Containers": [{"ModelPackageName": f"{GROUP_ARN}/7"}],
        "EnableNetworkIsolation": True,
        "Tags": [
            {"Key": "stack", "Value": "dev"},
            {"Key": "ModelPackageArn", "Value": f"{GROUP_ARN}/7"},
            {"Key": "CommitId", "Value": "0123abc"},
            {"Key": "PipelineExecutionId", "Value": "execution-7"},
        ],
    }


def test_serverless_inference_knows_no_isolation() -> None:
    assert endpoint_config.model_request(release(kind="serverless"))["EnableNetworkIsolation"] is False


def test_a_configuration_has_one_variant_of_the_model(check_request: Any) -> None:
    request = endpoint_config.endpoint_config_request(release(**FLEET))
    check_request("sagemaker", "CreateEndpointConfig", request)

    assert request["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": release().model_name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 4,
        }
    ]
    assert {"Key": "CommitId", "Value": "0123abc"} in request["Tags"]
    assert "KmsKeyId" not in request


def test_a_serverless_variant_has_memory_instead_of_instances(check_request: Any) -> None:
    request = endpoint_config.endpoint_config_request(release(kind="serverless", memory_mb="4096"))
    check_request("sagemaker", "CreateEndpointConfig", request)

    assert request["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": release(kind="serverless").model_name,
            "ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 10},
        }
    ]


# --- names


def test_the_same_model_has_the_same_name_and_another_has_not() -> None:
    name = release(7).model_name

    assert name.startswith(f"{NAME}--v7-")
    assert name == release(7, execution="another", instance_type="ml.c5.large").model_name
    others = [
        dataclasses.replace(release(7), archive_sha256="f" * 64),
        dataclasses.replace(release(7), execution_role_arn=ROLE + "-2"),
        release(7, kind="serverless"),
        release(8),
    ]
    assert name not in {other.model_name for other in others}


def test_a_configuration_is_the_executions_own() -> None:
    name = release(7).config_name

    assert name.startswith(release(7).model_name + "-")
    assert name == release(7, bake_seconds="0", keep_versions="9").config_name
    assert name not in {release(7, execution="another").config_name, release(7, **FLEET).config_name}


def test_names_keep_sagemakers_limits() -> None:
    pattern = botocore.session.get_session().get_service_model("sagemaker").shape_for("EndpointConfigName")
    assert (pattern.metadata["max"], pattern.metadata["pattern"]) == (63, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

    long = release(name="e" * 50)
    assert len(long.model_name) == 63
    with pytest.raises(InputError, match="is not a name that SageMaker accepts"):
        long.config_name  # noqa: B018


# --- endpoint


def test_the_endpoint_outlives_the_release_and_carries_only_the_stacks_tags(check_request: Any) -> None:
    request = endpoint_config.create_request(release())
    check_request("sagemaker", "CreateEndpoint", request)

    assert request == {
        "EndpointName": NAME,
        "EndpointConfigName": release().config_name,
        "Tags": [{"Key": "stack", "Value": "dev"}, {"Key": "ModelPackageGroup", "Value": "ChurnPredictionModels"}],
    }


def test_all_at_once_bakes_before_the_old_instances_end(check_request: Any) -> None:
    request = endpoint_config.update_request(release(), 1)
    check_request("sagemaker", "UpdateEndpoint", request)

    assert request == {
        "EndpointName": NAME,
        "EndpointConfigName": release().config_name,
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 300,
                "MaximumExecutionTimeoutInSeconds": 1500,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
        },
    }


def policy(fleet: int, **changes: str) -> dict[str, Any]:
    config = endpoint_config.deployment_config(plan(**changes), fleet)
    assert config is not None
    found: dict[str, Any] = config["BlueGreenUpdatePolicy"]
    return found


@pytest.mark.parametrize("fleet", range(2, 101))
def test_a_canary_is_at_most_half_of_the_instances(fleet: int) -> None:
    routing = policy(fleet, traffic="canary", instance_count="2", max_instance_count="100")[
        "TrafficRoutingConfiguration"
    ]

    assert (routing["Type"], routing["WaitIntervalInSeconds"], set(routing)) == (
        "CANARY", 300, {"Type", "WaitIntervalInSeconds", "CanarySize"},
    )  # fmt: skip
    assert routing["CanarySize"]["Type"] == "INSTANCE_COUNT"
    assert 1 <= routing["CanarySize"]["Value"] <= fleet / 2


@pytest.mark.parametrize("fleet", range(2, 101))
def test_a_linear_step_is_a_tenth_to_half_of_the_instances_and_there_are_at_most_four(fleet: int) -> None:
    routing = policy(fleet, traffic="linear", instance_count="2", max_instance_count="100")[
        "TrafficRoutingConfiguration"
    ]
    step = routing["LinearStepSize"]["Value"]

    assert (routing["Type"], routing["WaitIntervalInSeconds"]) == ("LINEAR", 300)
    assert fleet / 10 <= step <= fleet / 2
    assert -(-fleet // step) <= 4


@pytest.mark.parametrize("traffic", ["all-at-once", "canary", "linear"])
@pytest.mark.parametrize("bake", ["0", "1", "3600"])
def test_the_time_allowed_is_more_than_all_waits_and_within_sagemakers_range(traffic: str, bake: str) -> None:
    found = policy(4, traffic=traffic, bake_seconds=bake, **FLEET)
    routing = found["TrafficRoutingConfiguration"]
    steps = {"all-at-once": 0, "canary": 1, "linear": 3}[traffic]
    waits = steps * routing["WaitIntervalInSeconds"] + found["TerminationWaitInSeconds"]

    assert 600 <= found["MaximumExecutionTimeoutInSeconds"] <= 28_800
    assert found["MaximumExecutionTimeoutInSeconds"] > waits


@pytest.mark.parametrize("changes", [{"bake_seconds": "0"}, {"alarms": "[]"}])
def test_without_a_bake_or_alarms_there_is_nothing_to_roll_back_by(changes: dict[str, str]) -> None:
    config = endpoint_config.deployment_config(plan(**changes), 1)

    assert config is not None
    assert set(config) == {"BlueGreenUpdatePolicy"}


def test_a_serverless_endpoint_has_no_deployment_configuration() -> None:
    request = endpoint_config.update_request(release(kind="serverless", traffic="canary"), 0)

    assert set(request) == {"EndpointName", "EndpointConfigName"}


@pytest.mark.parametrize(("running", "kept"), [(3, False), (4, False), (5, True), (8, True), (9, False)])
def test_the_instances_that_the_load_asked_for_are_kept_within_the_plans_range(
    check_request: Any, running: int, kept: bool
) -> None:
    request = endpoint_config.update_request(release(traffic="linear", **FLEET), running)
    check_request("sagemaker", "UpdateEndpoint", request)
    step = request["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["LinearStepSize"]

    assert request.get("RetainAllVariantProperties", False) is kept
    assert step["Value"] == (2 if kept else 1)


def test_a_fixed_number_of_instances_is_the_plans_whatever_runs_now() -> None:
    request = endpoint_config.update_request(release(instance_count="4", max_instance_count="4"), 3)

    assert "RetainAllVariantProperties" not in request
