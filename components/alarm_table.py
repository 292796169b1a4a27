"""What is wrong enough to tell a person, as one table. No AWS, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from components import metrics
from components.metrics import Metric
from components.names import Names
from components.settings import CODECOMMIT, Settings
from ml import contract

MODEL_LATENCY_MICROSECONDS = 1_000_000
"""The slowest hundredth of the answers may take a second. A tabular model answers in milliseconds, and SageMaker gives
up after sixty seconds: a second is slow enough to be a fault and soon enough to take an update back."""

SERVER_ERROR_SHARE = 0.01
"""One answer in a hundred. The serving code answers a wrong request with 4xx: a 5xx is always the model's own fault."""

OLD_APPROVAL_SECONDS = 2 * 24 * 3_600

GUARD_SECONDS = 60
GUARD_MINUTES = 3
GUARD_BREACHES = 2
"""Two bad minutes of three: sooner than the default bake of five minutes, and not for a single slow minute."""

HOUR_SECONDS = 3_600
"""CloudWatch moves the window along (sliding is the default): "OK" then means a whole hour without an event."""

QUEUE_SECONDS = 300

AGE_SECONDS = 900
"""Several measurements long, so that one that fails leaves no gap, and short enough for a prompt all-clear."""

NO_DATA_IS_FINE = "notBreaching"
NO_DATA_CHANGES_NOTHING = "ignore"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One row: `breaches` of `periods` periods at or above `threshold` are an alarm. The metric says the unit."""

    key: str
    name: str
    description: str
    metric: Metric
    threshold: float
    period_seconds: int
    periods: int
    breaches: int
    missing_data: str


def alarms(names: Names, settings: Settings) -> tuple[Alarm, ...]:
    """Return every alarm of a stack with these settings: none watches what the approval mode does not have."""
    return tuple(_alarms(names, settings))


def alarm_names(names: Names, settings: Settings) -> list[str]:
    """Return the name of every alarm of a stack with these settings."""
    return [alarm.name for alarm in alarms(names, settings)]


def rollout_alarm_names(names: Names, settings: Settings) -> tuple[str, ...]:
    """Return the names of the alarms that take an endpoint's update back.

    None for a serverless endpoint: its settings allow no baking time, in which alone an alarm could speak.
    """
    if settings.endpoint.kind == contract.SERVERLESS:
        return ()
    return (names.endpoint_errors_alarm, names.endpoint_latency_alarm)


def old_approval_seconds(settings: Settings) -> int:
    """Return how long an approval may wait before somebody is told: two days, or half of its timeout if that is less.

    Half, because a person must still have time to answer.
    """
    return min(OLD_APPROVAL_SECONDS, settings.approval.timeout_minutes * 60 // 2)


def _alarms(names: Names, settings: Settings) -> Iterator[Alarm]:
    yield from _pipeline_alarms(names, settings)
    yield from _decision_alarms(names, settings)
    yield from _endpoint_alarms(names)


def _pipeline_alarms(names: Names, settings: Settings) -> Iterator[Alarm]:
    yield _event_alarm(
        key="pipeline-failed",
        name=names.pipeline_failed_alarm,
        description=f"An execution failed, or a version was rejected. See the red action: {names.pipeline_console_url}",
        metric=metrics.failed_executions(names),
    )
    if settings.source.provider == CODECOMMIT:
        yield _queue_alarm(
            key="push-dead-letters",
            name=names.push_dead_letters_alarm,
            queue=names.push_dead_letter_queue,
            description=f"A push did not start {names.pipeline}. Mend the cause, start it by hand, then empty"
            f" {names.push_dead_letter_queue}",
        )


def _decision_alarms(names: Names, settings: Settings) -> Iterator[Alarm]:
    if settings.approval.judges_metrics:
        yield from _function_alarms(
            ("decision-failed", "dead-letters"),
            (names.decision_failed_alarm, names.dead_letters_alarm),
            function=names.approval_function,
            queue=names.dead_letter_queue,
        )
    if settings.approval.asks_person:
        yield from _function_alarms(
            ("bridge-failed", "bridge-dead-letters"),
            (names.bridge_failed_alarm, names.bridge_dead_letters_alarm),
            function=names.bridge_function,
            queue=names.bridge_dead_letter_queue,
        )
        yield Alarm(
            key="approval-age",
            name=names.approval_age_alarm,
            description=f"A version waits too long for a person. Approve or reject it: {names.pipeline_console_url}",
            metric=metrics.approval_age(names),
            threshold=old_approval_seconds(settings),
            period_seconds=AGE_SECONDS,
            periods=1,
            breaches=1,
            # Without a measurement nothing is known: neither that the approval was answered nor that it was not.
            missing_data=NO_DATA_CHANGES_NOTHING,
        )


def _endpoint_alarms(names: Names) -> Iterator[Alarm]:
    yield _guard(
        key="endpoint-errors",
        name=names.endpoint_errors_alarm,
        description=f"{names.endpoint} answers with 5xx. Read {names.endpoint_log_group}; roll back a new model",
        metric=metrics.server_errors(names),
        threshold=SERVER_ERROR_SHARE,
    )
    yield _guard(
        key="endpoint-latency",
        name=names.endpoint_latency_alarm,
        description=f"{names.endpoint} answers slowly. Compare requests and CPU on the dashboard {names.dashboard}",
        metric=metrics.model_latency(names),
        threshold=MODEL_LATENCY_MICROSECONDS,
    )


def _function_alarms(
    keys: tuple[str, str], alarm_names: tuple[str, str], *, function: str, queue: str
) -> Iterator[Alarm]:
    """Return the alarms about a function's errors and about the events that it gave up on."""
    yield _event_alarm(
        key=keys[0],
        name=alarm_names[0],
        description=f"{function} raised. Read its log /aws/lambda/{function}; Lambda tries an event again by itself",
        metric=metrics.function_errors(function),
    )
    yield _queue_alarm(
        key=keys[1],
        name=alarm_names[1],
        queue=queue,
        description=f"{queue} holds events that {function} could not handle. Mend the cause, then send them again",
    )


def _queue_alarm(*, key: str, name: str, queue: str, description: str) -> Alarm:
    """Return the alarm about a queue that should be empty."""
    return Alarm(
        key=key,
        name=name,
        description=description,
        metric=metrics.waiting_messages(queue),
        threshold=1,
        period_seconds=QUEUE_SECONDS,
        periods=1,
        breaches=1,
        missing_data=NO_DATA_IS_FINE,
    )


def _event_alarm(*, key: str, name: str, description: str, metric: Metric) -> Alarm:
    """Return the alarm about something that should never happen: once within an hour is enough."""
    return Alarm(
        key=key,
        name=name,
        description=description,
        metric=metric,
        threshold=1,
        period_seconds=HOUR_SECONDS,
        periods=1,
        breaches=1,
        missing_data=NO_DATA_IS_FINE,
    )


def _guard(*, key: str, name: str, description: str, metric: Metric, threshold: float) -> Alarm:
    """Return an alarm about the endpoint that is quick enough to take an update back."""
    return Alarm(
        key=key,
        name=name,
        description=description,
        metric=metric,
        threshold=threshold,
        period_seconds=GUARD_SECONDS,
        periods=GUARD_MINUTES,
        breaches=GUARD_BREACHES,
        # An endpoint that nobody asks, or that does not exist yet, is not a bad one.
        missing_data=NO_DATA_IS_FINE,
    )
