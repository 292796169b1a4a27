"""Dashboard: a page that CloudWatch can draw, about this stack alone, with everything that an alarm can name."""

import dataclasses
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from components.alarm_table import alarms
from components.dashboard import COLUMNS, dashboard_body
from components.encryption import log_groups
from components.names import Names
from ml import contract
from tests.components.watched import MODES, changes, names_of, settings_of
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
KINDS: dict[str, dict[str, Any]] = {"realtime": {}, "serverless": {"endpoint": {"kind": "serverless"}}}
EVERY = [(mode, kind) for mode in MODES for kind in KINDS]


def body(mode: str, kind: str = "realtime") -> dict[str, Any]:
    settings = settings_of(mode, **KINDS[kind])
    return dashboard_body(names_of(settings), settings)


def widgets(mode: str, kind: str, of_type: str) -> list[dict[str, Any]]:
    return [one["properties"] for one in body(mode, kind)["widgets"] if one["type"] == of_type]


def lines(mode: str, kind: str) -> list[list[Any]]:
    return [line for graph in widgets(mode, kind, "metric") for line in graph["metrics"]]


def shown(mode: str, kind: str) -> set[tuple[str, ...]]:
    return {tuple(line[:-1]) for line in lines(mode, kind)}


def our_names() -> set[str]:
    names = names_of(settings_of(contract.BOTH))
    return {getattr(names, field.name) for field in dataclasses.fields(Names)} | {contract.VARIANT_NAME}


def test_the_stack_declares_this_body_under_its_name(recorded: Record) -> None:
    declared = recorded("dev", changes(contract.BOTH)).one("cloudwatch/dashboard:Dashboard").inputs
    assert declared["dashboardName"] == "mle-004-model-registry-pipeline"
    assert json.loads(declared["dashboardBody"]) == body(contract.BOTH)


@pytest.mark.parametrize(("mode", "kind"), EVERY)
def test_widgets_lie_on_the_grid_and_never_on_each_other(mode: str, kind: str) -> None:
    cells: list[tuple[int, int]] = []
    for one in body(mode, kind)["widgets"]:
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= COLUMNS == 24
        assert one["width"] >= 1
        assert one["height"] >= 1
        across, down = range(one["x"], one["x"] + one["width"]), range(one["y"], one["y"] + one["height"])
        cells += itertools.product(across, down)
    assert len(cells) == len(set(cells))
    assert len(cells) == COLUMNS * (1 + max(y for _, y in cells))


@pytest.mark.parametrize(("mode", "kind"), EVERY)
def test_every_metric_is_about_something_that_is_ours(mode: str, kind: str) -> None:
    found = lines(mode, kind)
    assert found
    for namespace, name, *dimensions, options in found:
        values = dimensions[1::2]
        assert len(dimensions) % 2 == 0
        assert set(values) <= our_names(), name
        assert values or namespace == "mle-004-model-registry-pipeline"
        assert set(options) == {"label", "stat"}
        assert re.fullmatch(r"Average|Maximum|Sum|p\d\d", options["stat"])


@pytest.mark.parametrize(("mode", "kind"), EVERY)
def test_every_widget_with_data_names_its_region_and_what_it_shows(mode: str, kind: str) -> None:
    for properties in widgets(mode, kind, "metric") + widgets(mode, kind, "log"):
        assert properties["region"] == REGION
        assert properties["title"]
    for graph in widgets(mode, kind, "metric"):
        assert graph["period"] % 60 == 0
        labels = [line[-1]["label"] for line in graph["metrics"]]
        assert len(labels) == len(set(labels))


@pytest.mark.parametrize(("mode", "kind"), EVERY)
def test_whatever_can_raise_an_alarm_is_drawn(mode: str, kind: str) -> None:
    settings = settings_of(mode, **KINDS[kind])
    for row in alarms(names_of(settings), settings):
        dimensions = itertools.chain(*row.metric.dimensions.items())
        assert (row.metric.namespace, row.metric.name, *dimensions) in shown(mode, kind), row.name


@pytest.mark.parametrize("mode", MODES)
def test_the_states_are_those_of_every_alarm_of_the_stack(mode: str, recorded: Record) -> None:
    (states,) = widgets(mode, "realtime", "alarm")
    declared = [one.inputs["name"] for one in recorded("dev", changes(mode)).of("MetricAlarm")]
    assert sorted(states["alarms"]) == sorted(f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{one}" for one in declared)


@pytest.mark.parametrize("mode", MODES)
def test_what_to_do_first_comes_first_and_links_to_the_road(mode: str) -> None:
    first = min(body(mode)["widgets"], key=lambda one: (one["y"], one["x"]))
    assert first["type"] == "text"
    text = first["properties"]["markdown"]
    settings = settings_of(mode)
    names = names_of(settings)
    assert f"({names.pipeline_console_url})" in text
    assert f"[Registry: {names.model_package_group}](https://{REGION}.console.aws.amazon.com/sagemaker/" in text
    assert ("An approval waits" in text) is settings.approval.asks_person
    assert contract.PIPELINE_VARIABLE in text
    for group in set(log_groups(names, settings)) - {names.trail_log_group}:
        assert f"#logsV2:log-groups/log-group/{group.replace('/', '$252F')})" in text


@pytest.mark.parametrize(
    ("mode", "groups"),
    [
        (contract.AUTOMATED, ["/aws/lambda/mle-004-auto-approve-model"]),
        (contract.MANUAL, ["/aws/lambda/mle-004-approval-bridge"]),
        (contract.BOTH, ["/aws/lambda/mle-004-auto-approve-model", "/aws/lambda/mle-004-approval-bridge"]),
    ],
)
def test_decisions_are_read_from_the_logs_of_the_functions_that_the_mode_has(mode: str, groups: list[str]) -> None:
    (decisions,) = widgets(mode, "realtime", "log")
    assert re.findall(r"SOURCE '([^']+)'", decisions["query"]) == groups
    assert decisions["query"].startswith("SOURCE '")
    assert "modelPackageArn as model, decision, reason" in decisions["query"]


@pytest.mark.parametrize(
    ("mode", "absent"), [(contract.AUTOMATED, "approval-bridge"), (contract.MANUAL, "auto-approve")]
)
def test_nothing_of_another_mode_is_shown(mode: str, absent: str) -> None:
    assert absent not in json.dumps(body(mode))
    assert absent in json.dumps(body(contract.BOTH))


def test_an_endpoint_with_instances_shows_their_cpu_and_a_serverless_one_its_starts() -> None:
    assert {line[1] for line in lines(contract.AUTOMATED, "realtime")} >= {"CPUUtilization", "MemoryUtilization"}
    serverless = {line[1] for line in lines(contract.AUTOMATED, "serverless")}
    # SageMaker developer guide, alarms and logs for serverless endpoints: no CPU is published.
    assert "CPUUtilization" not in serverless
    assert serverless >= {"ModelSetupTime", "MemoryUtilization"}


def test_latency_is_drawn_in_the_middle_and_at_the_end_with_its_limit() -> None:
    (graph,) = [one for one in widgets(contract.AUTOMATED, "realtime", "metric") if "latency" in one["title"]]
    model = [line[-1]["stat"] for line in graph["metrics"] if line[1] == "ModelLatency"]
    assert model == ["p50", "p99"]
    settings = settings_of(contract.AUTOMATED)
    (limit,) = [row.threshold for row in alarms(names_of(settings), settings) if row.key == "endpoint-latency"]
    assert [one["value"] for one in graph["annotations"]["horizontal"]] == [limit]


@pytest.mark.parametrize("code", ["Invocations", "Invocation4XXErrors", "Invocation5XXErrors"])
def test_requests_are_counted_and_not_averaged(code: str) -> None:
    counted = [line for line in lines(contract.AUTOMATED, "realtime") if line[:2] == ["AWS/SageMaker", code]]
    assert [line[-1]["stat"] for line in counted] == ["Sum"]
