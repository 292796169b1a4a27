"""What the endpoint shall be: read from the build's environment, or refused with the setting that repairs it."""

import pytest

from ml.endpoint_plan import KEYS, EndpointPlan
from ml.errors import InputError
from tests.ml.hosting_account import ENVIRONMENT, plan


def test_the_plan_is_read_from_these_keys_and_no_others() -> None:
    assert sorted(KEYS) == sorted(ENVIRONMENT)
    for key in KEYS:
        with pytest.raises(KeyError, match=key):
            EndpointPlan.read({name: value for name, value in ENVIRONMENT.items() if name != key})


def test_the_plan_is_what_the_environment_says() -> None:
    found = EndpointPlan.read(ENVIRONMENT)

    assert (found.name, found.kind, found.instance_type, found.instance_count) == (
        "mle-004-churn", "realtime", "ml.m5.large", 1,
    )  # fmt: skip
    assert (found.max_instance_count, found.memory_mb, found.max_concurrency) == (1, 2048, 10)
    assert (found.traffic, found.bake_seconds, found.keep_versions) == ("all-at-once", 300, 3)
    assert (found.alarms, found.tags) == (("errors",), {"stack": "dev"})


@pytest.mark.parametrize(
    ("key", "value", "setting"),
    [
        ("KIND", "async", "kind"), ("TRAFFIC", "rolling", "traffic"), ("INSTANCE_COUNT", "0", "instanceCount"),
        ("INSTANCE_COUNT", "-1", "instanceCount"), ("INSTANCE_COUNT", "1.5", "instanceCount"),
        ("INSTANCE_COUNT", "²", "instanceCount"), ("INSTANCE_COUNT", "٣", "instanceCount"),
        ("MAX_INSTANCE_COUNT", "x", "maxInstanceCount"), ("MEMORY_MB", "0", "memoryMb"),
        ("MAX_CONCURRENCY", "0", "maxConcurrency"), ("BAKE_SECONDS", "-5", "bakeSeconds"),
        ("KEEP_VERSIONS", "1", "keepVersions"),
    ],
)  # fmt: skip
def test_a_bad_value_names_the_setting_that_repairs_it(key: str, value: str, setting: str) -> None:
    with pytest.raises(InputError, match=rf"^ENDPOINT_{key} is .*Set endpoint.{setting}$"):
        plan(**{key: value})


@pytest.mark.parametrize("text", ["errors", "{}", '["errors", 3]', '[""]', "[" * 100_000, '["a"' + ',"a"' * 10 + "]"])
def test_alarms_are_a_list_of_at_most_ten_names(text: str) -> None:
    with pytest.raises(InputError, match="^ENDPOINT_ALARMS "):
        plan(alarms=text)


@pytest.mark.parametrize("text", ["dev", "[]", '{"stack": 1}'])
def test_tags_are_an_object_of_texts(text: str) -> None:
    with pytest.raises(InputError, match=r"^TAGS is not .*Run pulumi up"):
        EndpointPlan.read(ENVIRONMENT | {"TAGS": text})


def test_an_endpoint_scales_between_two_numbers_only() -> None:
    assert not plan(instance_count="2", max_instance_count="2").scales
    assert plan(instance_count="2", max_instance_count="3").scales
    with pytest.raises(InputError, match="Set endpoint.maxInstanceCount"):
        plan(instance_count="2", max_instance_count="1")


@pytest.mark.parametrize("traffic", ["canary", "linear"])
def test_traffic_moves_in_steps_from_two_instances_up(traffic: str) -> None:
    with pytest.raises(InputError, match=f"^{traffic} needs two instances or more. Set endpoint.instanceCount"):
        plan(traffic=traffic)
    assert plan(traffic=traffic, instance_count="2", max_instance_count="2").traffic == traffic


def test_alarms_guard_only_what_is_watched() -> None:
    assert plan().guarded
    assert not plan(bake_seconds="0").guarded
    assert not plan(alarms="[]").guarded
    assert not plan(kind="serverless").guarded


@pytest.mark.parametrize(("traffic", "seconds"), [("all-at-once", 300), ("canary", 600), ("linear", 1200)])
def test_an_update_is_watched_after_each_step(traffic: str, seconds: int) -> None:
    assert plan(traffic=traffic, instance_count="4", max_instance_count="4").watch_seconds == seconds


def test_what_means_nothing_to_a_serverless_endpoint_is_passed_over() -> None:
    """Its environment holds the defaults of all settings."""
    found = plan(kind="serverless", traffic="canary", instance_count="1")

    assert (found.serverless, found.scales, found.watch_seconds) == (True, False, 0)
