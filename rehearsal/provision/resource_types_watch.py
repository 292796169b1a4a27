"""What watches: log groups and their metric filters, alarms, dashboards, and the trail of the account."""

from collections.abc import Mapping
from typing import Any

from rehearsal.provision.resource_types import (
    Existing,
    Inputs,
    Made,
    ProvisionError,
    ResourceType,
    Workbench,
    absent_is_fine,
    tag_list,
)

_ABSENT = "ResourceNotFoundException"
_ALARM = {
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "insufficientDataActions": "InsufficientDataActions",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
}
_TRAIL = {
    "s3BucketName": "S3BucketName",
    "s3KeyPrefix": "S3KeyPrefix",
    "snsTopicName": "SnsTopicName",
    "kmsKeyId": "KmsKeyId",
    "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
    "cloudWatchLogsRoleArn": "CloudWatchLogsRoleArn",
    "enableLogFileValidation": "EnableLogFileValidation",
    "isMultiRegionTrail": "IsMultiRegionTrail",
    "includeGlobalServiceEvents": "IncludeGlobalServiceEvents",
}
_FIELD_SELECTOR = {
    "field": "Field",
    "equals": "Equals",
    "notEquals": "NotEquals",
    "startsWiths": "StartsWith",
    "notStartsWiths": "NotStartsWith",
    "endsWiths": "EndsWith",
    "notEndsWiths": "NotEndsWith",
}


def _log_group(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    logs = bench.cloud.client("logs")
    # An empty map of tags is refused by the API.
    tags = {"tags": tags} if (tags := inputs.take("tags")) else {}
    logs.create_log_group(logGroupName=name, **tags, **inputs.renamed({"kmsKeyId": "kmsKeyId"}))
    if days := inputs.take("retentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    return Made(id=name, outputs={"name": name, "arn": bench.arn("logs", f"log-group:{name}")})


def _keep_longer(bench: Workbench, inputs: Inputs, group: Existing) -> Made:
    days = inputs.need("retentionInDays")
    bench.cloud.client("logs").put_retention_policy(logGroupName=group.id, retentionInDays=days)
    return Made(id=group.id, outputs=group.outputs)


def _delete_log_group(bench: Workbench, group: Existing) -> None:
    with absent_is_fine(_ABSENT):
        bench.cloud.client("logs").delete_log_group(logGroupName=group.id)


def _metric_filter(bench: Workbench, inputs: Inputs) -> Made:
    name, metric = inputs.name(), inputs.child("metricTransformation")
    if metric is None:
        raise ProvisionError("property metricTransformation is missing")
    transformation: dict[str, Any] = metric.renamed(
        {"name": "metricName", "namespace": "metricNamespace", "value": "metricValue", "unit": "unit"}
    )
    if (default := metric.take("defaultValue")) is not None:
        transformation["defaultValue"] = float(default)
    bench.cloud.client("logs").put_metric_filter(
        logGroupName=inputs.need("logGroupName"),
        filterName=name,
        filterPattern=inputs.need("pattern"),
        metricTransformations=[transformation],
    )
    return Made(id=name, outputs={"name": name})


def _delete_metric_filter(bench: Workbench, metric_filter: Existing) -> None:
    with absent_is_fine(_ABSENT):
        bench.cloud.client("logs").delete_metric_filter(
            logGroupName=metric_filter.inputs["logGroupName"], filterName=metric_filter.id
        )


def _alarm(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    dimensions = [{"Name": key, "Value": value} for key, value in sorted((inputs.take("dimensions") or {}).items())]
    bench.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Dimensions=dimensions, Tags=tag_list(inputs.take("tags")), **inputs.renamed(_ALARM)
    )
    return Made(id=name, outputs={"name": name, "arn": bench.arn("cloudwatch", f"alarm:{name}")})


def _delete_alarm(bench: Workbench, alarm: Existing) -> None:
    bench.cloud.client("cloudwatch").delete_alarms(AlarmNames=[alarm.id])


def _dashboard(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.need("dashboardName")
    bench.cloud.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=inputs.need("dashboardBody"))
    # A dashboard belongs to no region.
    arn = f"arn:aws:cloudwatch::{bench.cloud.account}:dashboard/{name}"
    return Made(id=name, outputs={"dashboardArn": arn})


def _delete_dashboard(bench: Workbench, dashboard: Existing) -> None:
    with absent_is_fine("ResourceNotFound", "DashboardNotFoundError"):
        bench.cloud.client("cloudwatch").delete_dashboards(DashboardNames=[dashboard.id])


def _trail(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    client = bench.cloud.client("cloudtrail")
    arn = client.create_trail(Name=name, TagsList=tag_list(inputs.take("tags")), **inputs.renamed(_TRAIL))["TrailARN"]
    if selectors := inputs.children("advancedEventSelectors"):
        client.put_event_selectors(
            TrailName=name, AdvancedEventSelectors=[_event_selector(selector) for selector in selectors]
        )
    if inputs.take("enableLogging", True):
        client.start_logging(Name=name)
    return Made(id=arn, outputs={"name": name, "arn": arn, "homeRegion": bench.cloud.region})


def _event_selector(selector: Inputs) -> dict[str, Any]:
    fields = [field.renamed(_FIELD_SELECTOR) for field in selector.children("fieldSelectors")]
    return {**selector.renamed({"name": "Name"}), "FieldSelectors": fields}


def _delete_trail(bench: Workbench, trail: Existing) -> None:
    with absent_is_fine("TrailNotFoundException"):
        bench.cloud.client("cloudtrail").delete_trail(Name=trail.outputs["name"])


TYPES: Mapping[str, ResourceType] = {
    "aws:cloudwatch/logGroup:LogGroup": ResourceType(
        create=_log_group,
        delete=_delete_log_group,
        update=_keep_longer,
        updatable=frozenset({"retentionInDays"}),
        taggable=True,
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": ResourceType(
        create=_metric_filter, delete=_delete_metric_filter, updatable=frozenset({"pattern", "metricTransformation"})
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ResourceType(
        create=_alarm, delete=_delete_alarm, updatable=frozenset({*_ALARM, "dimensions"}), taggable=True
    ),
    "aws:cloudwatch/dashboard:Dashboard": ResourceType(
        create=_dashboard, delete=_delete_dashboard, updatable=frozenset({"dashboardBody"})
    ),
    "aws:cloudtrail/trail:Trail": ResourceType(create=_trail, delete=_delete_trail, taggable=True),
}
