"""SageMaker's rules for a DeploymentConfig (API reference: BlueGreenUpdatePolicy, TrafficRoutingConfig)."""

from typing import Any

import pytest

from ml import contract, endpoint_config
from rehearsal.account.calls import AwsError
from rehearsal.runtimes.traffic import AT_ONCE, Shift, deployment
from tests.ml.hosting_account import plan


def config(kind: str, wait: int = 0, *, termination: int = 0, **more: Any) -> dict[str, Any]:
    timeout = more.pop("timeout", None)
    policy = {
        "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **more},
        "TerminationWaitInSeconds": termination,
    }
    return {"BlueGreenUpdatePolicy": policy | ({"MaximumExecutionTimeoutInSeconds": timeout} if timeout else {})}


def size(value: int, kind: str = "INSTANCE_COUNT") -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def refusal(given: dict[str, Any], instances: int) -> str:
    with pytest.raises(AwsError) as caught:
        deployment(given, instances)
    assert caught.value.code == "ValidationException"
    return caught.value.message


def shares(given: dict[str, Any], instances: int) -> list[tuple[float, int]]:
    return [(round(shift.share, 3), shift.watch_seconds) for shift in deployment(given, instances).shifts]


def test_without_a_configuration_traffic_moves_at_once_and_unwatched() -> None:
    assert deployment(None, 3) == AT_ONCE == deployment(config("ALL_AT_ONCE"), 1)


def test_all_at_once_is_watched_until_the_old_instances_end() -> None:
    assert deployment(config("ALL_AT_ONCE", termination=300), 1).shifts == (Shift(share=1.0, watch_seconds=300),)


def test_a_canary_is_watched_before_and_after_the_rest() -> None:
    assert shares(config("CANARY", 60, termination=30, CanarySize=size(1)), 4) == [(0.25, 60), (1.0, 30)]
    assert shares(config("CANARY", 60, CanarySize=size(10, "CAPACITY_PERCENT")), 4) == [(0.1, 60), (1.0, 0)]


@pytest.mark.parametrize(
    ("step", "instances", "steps"),
    [(1, 4, [0.25, 0.5, 0.75, 1.0]), (1, 2, [0.5, 1.0]), (1, 3, [0.333, 0.667, 1.0]), (2, 5, [0.4, 0.8, 1.0])],
)
def test_linear_steps_add_up_to_all(step: int, instances: int, steps: list[float]) -> None:
    found = shares(config("LINEAR", 9, termination=5, LinearStepSize=size(step)), instances)

    assert found == [*((share, 9) for share in steps[:-1]), (1.0, 5)]


@pytest.mark.parametrize("instances", [1, 3])
def test_a_canary_is_at_most_half_of_the_fleet(instances: int) -> None:
    """One instance has no half: it takes two."""
    value = 1 if instances == 1 else 2
    assert "0% to 50% may be" in refusal(config("CANARY", CanarySize=size(value)), instances)
    assert "0% to 50% may be" in refusal(config("CANARY", CanarySize=size(51, "CAPACITY_PERCENT")), 100)


@pytest.mark.parametrize(("value", "instances"), [(1, 11), (1, 1), (6, 10)])
def test_a_linear_step_is_a_tenth_to_half_of_the_fleet(value: int, instances: int) -> None:
    assert "10% to 50% may be" in refusal(config("LINEAR", LinearStepSize=size(value)), instances)


def test_each_way_has_its_own_size_and_no_other() -> None:
    assert "CANARY needs CanarySize" in refusal(config("CANARY"), 2)
    assert "LINEAR needs LinearStepSize" in refusal(config("LINEAR"), 2)
    assert "LinearStepSize does not go with CANARY" in refusal(
        config("CANARY", CanarySize=size(1), LinearStepSize=size(1)), 2
    )
    assert "CanarySize does not go with ALL_AT_ONCE" in refusal(config("ALL_AT_ONCE", CanarySize=size(1)), 2)


def test_the_time_allowed_is_larger_than_all_waits() -> None:
    given = config("CANARY", 400, termination=200, CanarySize=size(1), timeout=600)
    assert "must be larger than all waits together, 600" in refusal(given, 2)
    assert deployment(config("CANARY", 400, termination=199, CanarySize=size(1), timeout=600), 2)


def test_alarms_are_named() -> None:
    given = config("ALL_AT_ONCE") | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}

    assert deployment(given, 1).alarms == ("a", "b")


def test_a_serverless_endpoint_takes_no_configuration() -> None:
    """Developer guide: deployment guardrails apply to asynchronous and real-time inference only."""
    assert "not to serverless ones" in refusal(config("ALL_AT_ONCE"), 0)
    assert deployment(None, 0) == AT_ONCE


@pytest.mark.parametrize("given", [{}, {"RollingUpdatePolicy": {}}, {"AutoRollbackConfiguration": {}}])
def test_what_is_not_played_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match="other than one BlueGreenUpdatePolicy"):
        deployment(given, 2)


@pytest.mark.parametrize("traffic", list(contract.SHIFTS))
@pytest.mark.parametrize("fleet", [2, 3, 4, 5, 7, 10, 11, 99])
def test_what_the_deploy_stage_asks_for_is_accepted_and_watched_no_longer_than_it_thinks(
    traffic: str, fleet: int
) -> None:
    ours = plan(traffic=traffic, instance_count="2", max_instance_count="100")
    found = deployment(endpoint_config.deployment_config(ours, fleet), fleet)

    assert len(found.shifts) <= contract.SHIFTS[traffic]
    assert sum(shift.watch_seconds for shift in found.shifts) <= ours.watch_seconds
    assert found.shifts[-1].share == 1.0
    assert all(shift.watch_seconds == 300 for shift in found.shifts)
