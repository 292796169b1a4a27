"""Alarms: the table of what is wrong enough to tell a person, as CloudWatch alarms."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import metrics
from components.alarm_table import Alarm, alarms
from components.names import Names
from components.settings import Settings
from ml import contract


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """`topic_arn` gets every alarm and every all-clear; `bridge_log_group` is None where nobody is asked."""

    names: Names
    settings: Settings
    topic_arn: pulumi.Input[str]
    bridge_log_group: pulumi.Input[str] | None


class Alarms(pulumi.ComponentResource):
    """The alarms, and what counts for them where AWS publishes no metric."""

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Alarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # A rule without a target still publishes its metric (EventBridge user guide, IAM policy conditions), and needs
        # no one's permission to publish: a topic's policy can hold no condition for EventBridge (same guide,
        # resource-based policies), so any account's rules could then write to the topic. Not verified against AWS.
        aws.cloudwatch.EventRule(
            f"{name}-pipeline-failed-rule",
            name=args.names.pipeline_failed_rule,
            description=f"Counts executions of {args.names.pipeline} that failed; {args.names.pipeline_failed_alarm}",
            event_pattern=json.dumps(failure_pattern(args.names.pipeline)),
            opts=child,
        )
        if args.bridge_log_group is not None:
            _count_approval_age(name, args.names, args.bridge_log_group, child)
        for alarm in alarms(args.names, args.settings):
            _declare(f"{name}-{alarm.key}", alarm, args.topic_arn, child)
        self.register_outputs({})


def failure_pattern(pipeline: str) -> dict[str, Any]:
    """Return the event pattern of an execution that failed (CodePipeline user guide, Monitoring events)."""
    return {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Pipeline Execution State Change"],
        "detail": {"pipeline": [pipeline], "state": ["FAILED"]},
    }


def _count_approval_age(name: str, names: Names, log_group: pulumi.Input[str], child: pulumi.ResourceOptions) -> None:
    """Make a metric of the bridge function's log: each measurement is one line of JSON."""
    field = f"$.{contract.APPROVAL_AGE}"
    metric = metrics.approval_age(names)
    aws.cloudwatch.LogMetricFilter(
        f"{name}-approval-age-filter",
        name=names.approval_age_alarm,
        log_group_name=log_group,
        pattern=f"{{ {field} >= 0 }}",
        metric_transformation={
            "namespace": metric.namespace,
            "name": metric.name,
            "value": field,
            "unit": "Seconds",
        },
        opts=child,
    )


def _declare(logical_name: str, alarm: Alarm, topic_arn: pulumi.Input[str], child: pulumi.ResourceOptions) -> None:
    metric = alarm.metric
    percentile = metric.statistic.startswith("p")
    aws.cloudwatch.MetricAlarm(
        logical_name,
        name=alarm.name,
        alarm_description=alarm.description,
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=metric.dimensions or None,
        statistic=None if percentile else metric.statistic,
        extended_statistic=metric.statistic if percentile else None,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=alarm.threshold,
        period=alarm.period_seconds,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.breaches,
        treat_missing_data=alarm.missing_data,
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        opts=child,
    )
