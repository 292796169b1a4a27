"""Alarms: each mode has exactly its own, every one tells somebody, and each watches what really exists."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from components import alarm_table
from components.alarm_table import alarms, old_approval_seconds, rollout_alarm_names
from components.names import Names
from ml import contract
from tests.components.watched import MODES, changes, names_of, settings_of
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-alarms"
ALWAYS = {"mle-004-pipeline-failed", "mle-004-endpoint-errors", "mle-004-endpoint-latency", "mle-004-push-dead-letters"}
JUDGED = {"mle-004-decision-failed", "mle-004-dead-letters"}
ASKED = {"mle-004-bridge-failed", "mle-004-bridge-dead-letters", "mle-004-approval-age"}
OF_MODE = {
    contract.AUTOMATED: ALWAYS | JUDGED,
    contract.MANUAL: ALWAYS | ASKED,
    contract.BOTH: ALWAYS | JUDGED | ASKED,
}
DAY = 24 * 3600


def recorded_alarms(run: Recorded) -> dict[str, dict[str, Any]]:
    return {one.inputs["name"]: one.inputs for one in run.of("MetricAlarm")}


def watching(run: Recorded, metric: str, dimension: str, value: str) -> list[str]:
    return [
        name
        for name, one in recorded_alarms(run).items()
        if one["metricName"] == metric and one.get("dimensions", {}).get(dimension) == value
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_has_its_own_alarms_and_none_of_another(mode: str, recorded: Record) -> None:
    assert set(recorded_alarms(recorded("dev", changes(mode)))) == OF_MODE[mode]


@pytest.mark.parametrize("mode", MODES)
def test_every_alarm_tells_when_it_begins_and_when_it_ends(mode: str, recorded: Record) -> None:
    for name, alarm in recorded_alarms(recorded("dev", changes(mode))).items():
        assert alarm["alarmActions"] == alarm["okActions"] == [TOPIC], name
        assert "actionsEnabled" not in alarm, name


@pytest.mark.parametrize("mode", MODES)
def test_every_function_has_an_alarm_about_its_errors_and_every_queue_about_its_messages(
    mode: str, recorded: Record
) -> None:
    run = recorded("dev", changes(mode))
    assert run.of("Function")
    for function in run.of("Function"):
        assert len(watching(run, "Errors", "FunctionName", function.inputs["name"])) == 1
    for queue in run.of("sqs/queue:Queue"):
        assert len(watching(run, "ApproximateNumberOfMessagesVisible", "QueueName", queue.inputs["name"])) == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_table_and_the_stack_are_the_same(mode: str, recorded: Record) -> None:
    settings = settings_of(mode)
    declared = recorded_alarms(recorded("dev", changes(mode)))
    rows = {row.name: row for row in alarms(names_of(settings), settings)}
    assert set(rows) == set(declared)
    for name, row in rows.items():
        alarm = declared[name]
        assert (alarm["namespace"], alarm["metricName"]) == (row.metric.namespace, row.metric.name)
        assert alarm.get("dimensions", {}) == dict(row.metric.dimensions)
        assert [alarm[key] for key in ("statistic", "extendedStatistic") if key in alarm] == [row.metric.statistic]
        assert ("extendedStatistic" in alarm) == row.metric.statistic.startswith("p")
        assert (alarm["threshold"], alarm["period"]) == (row.threshold, row.period_seconds)
        assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (row.periods, row.breaches)
        assert (alarm["treatMissingData"], alarm["alarmDescription"]) == (row.missing_data, row.description)
        assert alarm["comparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_every_alarm_that_has_a_name_exists_in_some_mode() -> None:
    named = {field.name for field in dataclasses.fields(Names) if field.name.endswith("_alarm")}
    names = names_of(settings_of(contract.BOTH))
    assert {getattr(names, field) for field in named} == set.union(*OF_MODE.values())


@pytest.mark.parametrize("mode", MODES)
def test_an_alarm_stays_within_what_cloudwatch_accepts(mode: str) -> None:
    settings = settings_of(mode)
    for row in alarms(names_of(settings), settings):
        # PutMetricAlarm: a day at most, whole minutes, and a description of 1024 characters.
        assert row.period_seconds * row.periods <= DAY
        assert row.period_seconds % 60 == 0
        assert 1 <= row.breaches <= row.periods
        assert len(row.description) <= 1024


# --- failed executions -----------------------------------------------------------------------------------------------


def failed(**changes: str) -> dict[str, Any]:
    detail = {"pipeline": "mle-004-model-registry-pipeline", "execution-id": "0-1", "state": "FAILED", "version": 1.0}
    return {
        "version": "0",
        "account": ACCOUNT,
        "region": REGION,
        "source": changes.pop("source", "aws.codepipeline"),
        "detail-type": changes.pop("kind", "CodePipeline Pipeline Execution State Change"),
        "detail": {**detail, **changes},
    }


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (failed(), True),
        (failed(state="SUCCEEDED"), False),
        (failed(state="SUPERSEDED"), False),
        (failed(pipeline="mle-004-model-registry-pipeline-prod"), False),
        (failed(kind="CodePipeline Stage Execution State Change"), False),
        (failed(source="my.codepipeline"), False),
    ],
)
def test_an_execution_counts_when_it_is_ours_and_failed(event: dict[str, Any], counted: bool, recorded: Record) -> None:
    pattern = recorded().one("EventRule", "pipeline-failed").inputs["eventPattern"]
    assert bool(EventPattern(pattern, json.loads(pattern)).matches_event(event)) is counted


def test_the_alarm_counts_what_the_rule_matched(recorded: Record) -> None:
    run = recorded()
    rule = run.one("EventRule", "pipeline-failed").inputs["name"]
    assert watching(run, "TriggeredRules", "RuleName", rule) == ["mle-004-pipeline-failed"]


def test_the_rule_that_counts_calls_nobody(recorded: Record) -> None:
    run = recorded()
    rule = run.one("EventRule", "pipeline-failed").inputs["name"]
    assert [one.name for one in run.of("EventTarget") if one.inputs["rule"] == rule] == []


# --- approvals that grow old -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout_minutes", "seconds"), [(5, 150), (2880, DAY), (5760, 2 * DAY), (5762, 2 * DAY), (86_400, 2 * DAY)]
)
def test_an_approval_is_old_after_two_days_or_half_of_its_timeout(timeout_minutes: int, seconds: int) -> None:
    settings = settings_of(contract.MANUAL, approval={"mode": contract.MANUAL, "timeoutMinutes": timeout_minutes})
    assert old_approval_seconds(settings) == seconds
    (age,) = [row for row in alarms(names_of(settings), settings) if row.key == "approval-age"]
    assert age.threshold == seconds


@pytest.mark.parametrize("mode", [contract.MANUAL, contract.BOTH])
def test_the_age_comes_from_the_field_that_the_bridge_logs(mode: str, recorded: Record) -> None:
    run = recorded("dev", changes(mode))
    counted = run.one("LogMetricFilter").inputs
    made = counted["metricTransformation"]
    assert counted["logGroupName"] == "/aws/lambda/mle-004-approval-bridge"
    assert counted["pattern"] == "{ $.approvalAgeSeconds >= 0 }"
    assert made["value"] == f"$.{contract.APPROVAL_AGE}"
    alarm = recorded_alarms(run)["mle-004-approval-age"]
    assert (alarm["namespace"], alarm["metricName"]) == (made["namespace"], made["name"])
    assert "dimensions" not in alarm
    assert alarm["treatMissingData"] == "ignore"


def test_two_stacks_do_not_measure_into_one_metric(recorded: Record) -> None:
    spaces = {
        recorded(stack, changes(contract.MANUAL)).one("LogMetricFilter").inputs["metricTransformation"]["namespace"]
        for stack in ("dev", "prod")
    }
    assert len(spaces) == 2


def test_no_age_is_measured_where_nobody_is_asked(recorded: Record) -> None:
    assert recorded("dev", changes(contract.AUTOMATED)).of("LogMetricFilter") == []


# --- the endpoint ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "metric", "statistic", "threshold"),
    [
        ("mle-004-endpoint-errors", "Invocation5XXErrors", {"statistic": "Average"}, 0.01),
        ("mle-004-endpoint-latency", "ModelLatency", {"extendedStatistic": "p99"}, 1_000_000),
    ],
)
def test_the_endpoint_is_watched_by_its_one_variant(
    name: str, metric: str, statistic: dict[str, str], threshold: float, recorded: Record
) -> None:
    alarm = recorded_alarms(recorded())[name]
    assert (alarm["namespace"], alarm["metricName"], alarm["threshold"]) == ("AWS/SageMaker", metric, threshold)
    assert alarm["dimensions"] == {"EndpointName": "mle-004-churn", "VariantName": "AllTraffic"}
    assert statistic.items() <= alarm.items()
    assert alarm["treatMissingData"] == "notBreaching"


def test_a_guard_can_speak_before_the_default_bake_is_over() -> None:
    settings = settings_of(contract.AUTOMATED)
    guards = [row for row in alarms(names_of(settings), settings) if row.key.startswith("endpoint-")]
    assert len(guards) == 2
    for row in guards:
        assert row.period_seconds * row.periods < settings.endpoint.bake_seconds
        assert 1 < row.breaches < row.periods


@pytest.mark.parametrize("mode", MODES)
def test_what_guards_a_rollout_are_alarms_of_the_stack(mode: str, recorded: Record) -> None:
    settings = settings_of(mode)
    guards = rollout_alarm_names(names_of(settings), settings)
    assert guards == ("mle-004-endpoint-errors", "mle-004-endpoint-latency")
    assert set(guards) <= set(recorded_alarms(recorded("dev", changes(mode))))


def test_no_alarm_guards_a_serverless_endpoint_but_both_watch_it() -> None:
    settings = settings_of(contract.AUTOMATED, endpoint={"kind": "serverless"})
    assert rollout_alarm_names(names_of(settings), settings) == ()
    assert {row.name for row in alarms(names_of(settings), settings)} >= ALWAYS


def test_the_latency_is_a_second_in_sagemakers_unit() -> None:
    assert alarm_table.MODEL_LATENCY_MICROSECONDS == 1e6
