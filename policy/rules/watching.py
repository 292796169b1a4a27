"""What goes wrong is kept and told: dead letters, alarms, logs."""

from .graph import UNKNOWN, Graph, at
from .rule import Checks, Rule, check
from .wiring import FUNCTION, PROJECT


def undelivered_events_are_kept(graph: Graph) -> Checks:
    """Check every rule's target and every function: what could not be handled waits in a queue."""
    for target in graph.of("cloudwatch/eventTarget:EventTarget"):
        yield check(target, at(target.props, "deadLetterConfig", "arn") is not None, "has no dead-letter queue")
    for function in graph.of(FUNCTION):
        yield check(
            function, at(function.props, "deadLetterConfig", "targetArn") is not None, "has no dead-letter queue"
        )


def queues_are_watched(graph: Graph) -> Checks:
    """Check that somebody is told when a queue fills: every queue here is one for dead letters."""
    watched = {
        at(alarm.props, "dimensions", "QueueName")
        for alarm in graph.of("cloudwatch/metricAlarm:MetricAlarm")
        if at(alarm.props, "namespace") == "AWS/SQS"
    }
    for queue in graph.of("sqs/queue:Queue"):
        yield check(queue, at(queue.props, "name") in watched, "fills without an alarm on its QueueName")


def alarms_act(graph: Graph) -> Checks:
    """Check that every alarm tells somebody."""
    for alarm in graph.of("cloudwatch/metricAlarm:MetricAlarm"):
        acts = bool(alarm.props.get("alarmActions")) and alarm.props.get("actionsEnabled") is not False
        yield check(alarm, acts, "changes its colour and tells nobody: give it alarmActions")


def logs_are_kept(graph: Graph) -> Checks:
    """Check every log group: encrypted with the stack's key, and kept for a stated time."""
    for group in graph.of("cloudwatch/logGroup:LogGroup"):
        yield check(group, group.props.get("kmsKeyId") is not None, "is not encrypted with a key of its own")
        yield check(group, bool(group.props.get("retentionInDays")), "says not how long it is kept")


def work_is_logged(graph: Graph) -> Checks:
    """Check that builds and functions write to log groups of this stack, which exist before they do."""
    places = ((PROJECT, "logsConfig", "cloudwatchLogs", "groupName"), (FUNCTION, "loggingConfig", "logGroup"))
    ours = {UNKNOWN, *(group.props.get("name") for group in graph.of("cloudwatch/logGroup:LogGroup"))}
    for kind, *path in places:
        for one in graph.of(kind):
            yield check(one, at(one.props, *path) in ours, "writes to no log group of this stack")


RULES = (
    Rule(
        name="undelivered-events-are-kept",
        says="Every event target and every function has a dead-letter queue.",
        checks=undelivered_events_are_kept,
    ),
    Rule(
        name="queues-are-watched",
        says="An alarm watches every queue.",
        checks=queues_are_watched,
    ),
    Rule(
        name="alarms-act",
        says="Every alarm tells somebody.",
        checks=alarms_act,
    ),
    Rule(
        name="logs-are-kept",
        says="Log groups are encrypted and kept for a stated time.",
        checks=logs_are_kept,
    ),
    Rule(
        name="work-is-logged",
        says="Builds and functions write to log groups of the stack.",
        checks=work_is_logged,
    ),
)
