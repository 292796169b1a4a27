"""Updates as SageMaker makes them: in steps, watched by alarms, with the instances that there are, and taken back."""

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.account.clock import FASTER, Clock
from tests.rehearsal.endpoint_account import BUCKET, SAGEMAKER, Endpoints, running_endpoints
from tests.rehearsal.runner_account import eventually, make_role

BAKE = 300
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """A bake of 300 s takes two, so that something can happen in it."""
    with running_endpoints(tmp_path_factory.mktemp("cloud"), Clock(faster=BAKE / 2), quick=True) as hosting:
        yield hosting


def alarm(hosting: Endpoints) -> str:
    name = f"errors-{next(NUMBERS)}"
    hosting.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    return name


def ring(hosting: Endpoints, name: str) -> None:
    hosting.cloud.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")


def steps(
    kind: str, *, wait: int = 0, termination: int = 0, alarms: tuple[str, ...] = (), **size: Any
) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": termination,
        }
    }
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": each} for each in alarms]}
    return config


def canary(wait: int = BAKE, **more: Any) -> dict[str, Any]:
    return steps("CANARY", wait=wait, CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}, **more)


def update(hosting: Endpoints, name: str, config: str, **parameters: Any) -> None:
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **parameters)


def seen(hosting: Endpoints, name: str) -> list[str]:
    lines: list[tuple[str, str]] = hosting.cloud.progress.lines  # type: ignore[attr-defined]
    return [what for where, what in lines if where == name]


def answers(hosting: Endpoints, name: str, times: int) -> list[str]:
    return [hosting.ask(name).split()[0] for _ in range(times)]


# --- in steps


def test_a_canary_of_one_in_four_instances_gets_every_fourth_request_and_then_all(hosting: Endpoints):
    name = hosting.in_service("old", instances=4)
    config = hosting.config(hosting.container("new"), instances=4)
    update(hosting, name, config, DeploymentConfig=canary())
    eventually(lambda: "25% of the traffic goes to the new instances" in seen(hosting, name))
    during = answers(hosting, name, 8)
    described = hosting.sagemaker.describe_endpoint(EndpointName=name)

    assert sorted(during) == ["new"] * 2 + ["old"] * 6
    assert (described["EndpointStatus"], described["PendingDeploymentSummary"]["EndpointConfigName"]) == (
        "Updating",
        config,
    )
    assert described["EndpointConfigName"] != config
    assert hosting.settled(name)["EndpointConfigName"] == config
    assert answers(hosting, name, 4) == ["new"] * 4


def test_a_linear_update_takes_as_many_steps_as_it_asks_for(hosting: Endpoints):
    name = hosting.in_service("old", instances=3)
    config = hosting.config(hosting.container("new"), instances=3)
    size = {"LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    update(hosting, name, config, DeploymentConfig=steps("LINEAR", wait=10, termination=10, **size))
    assert hosting.settled(name)["EndpointConfigName"] == config

    shares = [what.split("%")[0] for what in seen(hosting, name) if "of the traffic" in what]
    assert shares == ["33", "67", "100"]


def test_the_accounts_clock_makes_a_bake_of_minutes_last_less_than_a_second():
    assert Clock().real_seconds(300) == 300 / FASTER == 0.5


# --- alarms


@pytest.mark.parametrize("kind", ["canary", "all-at-once"])
def test_an_alarm_that_rings_while_the_new_instances_are_watched_takes_them_back(hosting: Endpoints, kind: str):
    name, guard = hosting.in_service("old", instances=2), alarm(hosting)
    before = hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    config = hosting.config(hosting.container("new"), instances=2)
    all_at_once = steps("ALL_AT_ONCE", termination=BAKE, alarms=(guard,))
    update(hosting, name, config, DeploymentConfig=canary(alarms=(guard,)) if kind == "canary" else all_at_once)
    eventually(lambda: "new" in answers(hosting, name, 2))
    ring(hosting, guard)
    described = hosting.settled(name)

    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", before)
    assert f"The alarm {guard} rang" in described["FailureReason"]
    assert answers(hosting, name, 4) == ["old"] * 4
    shown = [what.partition(":")[0] for what in seen(hosting, name) if "traffic" not in what]
    assert shown == ["Creating", "InService", "Updating", "RollingBack", "InService"]


def test_an_alarm_that_rings_already_takes_the_update_back_at_once(hosting: Endpoints):
    name, guard = hosting.in_service("old"), alarm(hosting)
    ring(hosting, guard)
    config = hosting.config(hosting.container("new"))
    update(hosting, name, config, DeploymentConfig=steps("ALL_AT_ONCE", termination=BAKE, alarms=(guard,)))

    assert "rang" in hosting.settled(name)["FailureReason"]


def test_the_reason_of_a_failed_update_stays_until_the_next_one_begins(hosting: Endpoints):
    """As the SageMaker controller for Kubernetes describes it (aws-controllers-k8s/sagemaker-controller, PR 7)."""
    name, guard = hosting.in_service("old"), alarm(hosting)
    ring(hosting, guard)
    config = hosting.config(hosting.container("new"))
    update(hosting, name, config, DeploymentConfig=steps("ALL_AT_ONCE", termination=BAKE, alarms=(guard,)))
    reason = hosting.settled(name)["FailureReason"]

    assert hosting.settled(name)["FailureReason"] == reason
    update(hosting, name, config)
    assert "FailureReason" not in hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert "FailureReason" not in hosting.settled(name)


def test_without_a_bake_no_alarm_is_looked_at(hosting: Endpoints):
    name, guard = hosting.in_service("old"), alarm(hosting)
    ring(hosting, guard)
    config = hosting.config(hosting.container("new"))
    update(hosting, name, config, DeploymentConfig=steps("ALL_AT_ONCE", alarms=(guard,)))

    assert hosting.settled(name)["EndpointConfigName"] == config


def test_the_execution_role_must_be_able_to_see_the_alarms(hosting: Endpoints):
    """SageMaker developer guide, "Auto-rollback configuration and monitoring"."""
    grants = [("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"), ("ecr:*", "*"), ("logs:*", "*")]
    blind = make_role(hosting.cloud, "BlindRole", SAGEMAKER, *grants)
    name, guard = hosting.in_service("old"), alarm(hosting)
    config = hosting.config(hosting.container("new"), role=blind)
    update(hosting, name, config, DeploymentConfig=steps("ALL_AT_ONCE", termination=BAKE, alarms=(guard,)))

    assert "cloudwatch:DescribeAlarms" in hosting.settled(name)["FailureReason"]


def test_an_alarm_that_does_not_exist_is_refused(hosting: Endpoints):
    name, config = hosting.in_service("old"), hosting.config(hosting.container("new"))
    with pytest.raises(ClientError, match="ValidationException.*no alarm absent"):
        update(hosting, name, config, DeploymentConfig=steps("ALL_AT_ONCE", alarms=("absent",)))
    assert hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"


# --- what else can happen meanwhile


def test_a_new_container_that_dies_while_it_is_watched_is_taken_back(hosting: Endpoints):
    name = hosting.in_service("old", instances=2)
    update(hosting, name, hosting.config(hosting.container("new"), instances=2), DeploymentConfig=canary())

    def new_pid() -> int | None:
        answer = hosting.ask(name).split()
        return int(answer[-1]) if answer[0] == "new" else None

    os.kill(eventually(new_pid), signal.SIGKILL)
    described = hosting.settled(name)

    assert "ended with exit status -9" in described["FailureReason"]
    assert described["EndpointStatus"] == "InService"
    assert answers(hosting, name, 3) == ["old"] * 3


def test_an_endpoint_that_is_deleted_while_it_is_watched_is_not_watched_to_the_end(hosting: Endpoints):
    name = hosting.in_service("old", instances=2)
    config = hosting.config(hosting.container("new"), instances=2)
    update(hosting, name, config, DeploymentConfig=canary(wait=3600))
    eventually(lambda: "new" in answers(hosting, name, 2))
    hosting.sagemaker.delete_endpoint(EndpointName=name)

    eventually(lambda: not hosting.sagemaker.list_endpoints(NameContains=name)["Endpoints"])
    # It would take 24 seconds.
    eventually(lambda: name not in {thread.name for thread in threading.enumerate()})
    assert name not in {thread.name for thread in threading.enumerate()}


# --- how many instances


@pytest.mark.parametrize(
    ("parameters", "instances"),
    [
        ({}, 2),
        ({"RetainAllVariantProperties": True}, 5),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            2,
        ),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
            },
            5,
        ),
    ],
)
def test_an_update_starts_with_the_configurations_number_unless_it_retains_what_runs(
    hosting: Endpoints, parameters: dict[str, Any], instances: int
):
    name = hosting.in_service(instances=5)
    update(hosting, name, hosting.config(hosting.container(), instances=2), **parameters)

    assert hosting.settled(name)["ProductionVariants"][0]["DesiredInstanceCount"] == instances


def test_a_canary_is_measured_against_the_fleet_that_there_will_be(hosting: Endpoints):
    name, config = hosting.in_service(instances=2), hosting.config(hosting.container(), instances=1)
    with pytest.raises(ClientError, match="CanarySize is 100% of 1 instances"):
        update(hosting, name, config, DeploymentConfig=canary())
    update(hosting, name, config, DeploymentConfig=canary(), RetainAllVariantProperties=True)
    assert hosting.settled(name)["EndpointConfigName"] == config


def test_what_is_not_played_is_refused(hosting: Endpoints):
    name, config = hosting.in_service(), hosting.config(hosting.container())
    with pytest.raises(ClientError, match="not emulated: RetainDeploymentConfig"):
        update(hosting, name, config, RetainDeploymentConfig=True)
    rolling = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    with pytest.raises(ClientError, match="not emulated: a DeploymentConfig other than"):
        update(hosting, name, config, DeploymentConfig={"RollingUpdatePolicy": rolling})


# --- serverless

SIZE = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}


def test_a_serverless_endpoint_serves_and_is_updated_without_instances(hosting: Endpoints):
    name = hosting.in_service("old", ServerlessConfig=SIZE)
    config = hosting.config(hosting.container("new"), ServerlessConfig=SIZE)
    update(hosting, name, config)
    described = hosting.settled(name)

    assert described["EndpointConfigName"] == config
    variant = described["ProductionVariants"][0]
    assert (variant["CurrentServerlessConfig"], "CurrentInstanceCount" in variant) == (SIZE, False)
    assert answers(hosting, name, 1) == ["new"]


def test_a_serverless_endpoint_takes_no_deployment_configuration(hosting: Endpoints):
    """SageMaker developer guide, deployment guardrails: for asynchronous and real-time inference only."""
    name = hosting.in_service(ServerlessConfig=SIZE)
    config = hosting.config(hosting.container(), ServerlessConfig=SIZE)
    with pytest.raises(ClientError, match="ValidationException.*not to serverless ones"):
        update(hosting, name, config, DeploymentConfig=steps("ALL_AT_ONCE"))


def test_an_endpoint_with_instances_cannot_become_serverless(hosting: Endpoints):
    """SageMaker developer guide, "Deploy models with serverless inference"."""
    name, config = hosting.in_service(), hosting.config(hosting.container(), ServerlessConfig=SIZE)
    with pytest.raises(ClientError, match="ValidationException.*cannot be serverless"):
        update(hosting, name, config)
    back = hosting.in_service(ServerlessConfig=SIZE)
    with pytest.raises(ClientError, match="not emulated: a serverless endpoint that gets instances"):
        update(hosting, back, hosting.config(hosting.container()))


# --- what is in use


def test_what_an_endpoint_uses_cannot_be_removed_and_what_it_used_can(hosting: Endpoints):
    """API reference, DeleteEndpointConfig: "You must not delete an EndpointConfig in use"."""
    first = hosting.config(hosting.container())
    name = hosting.create(first)
    hosting.settled(name)
    second = hosting.config(hosting.container())
    update(hosting, name, second, DeploymentConfig=steps("ALL_AT_ONCE", termination=BAKE))
    for used in (first, second):
        with pytest.raises(ClientError, match="ValidationException.*is in use"):
            hosting.sagemaker.delete_endpoint_config(EndpointConfigName=used)
        with pytest.raises(ClientError, match="ValidationException.*is in use"):
            hosting.sagemaker.delete_model(ModelName=used)
    hosting.settled(name)
    hosting.sagemaker.delete_endpoint_config(EndpointConfigName=first)
    hosting.sagemaker.delete_model(ModelName=first)

    for operation, parameters in {
        "describe_endpoint_config": {"EndpointConfigName": first},
        "delete_endpoint_config": {"EndpointConfigName": first},
        "describe_model": {"ModelName": first},
        "delete_model": {"ModelName": first},
    }.items():
        with pytest.raises(ClientError, match="ValidationException.*Could not find"):
            getattr(hosting.sagemaker, operation)(**parameters)
