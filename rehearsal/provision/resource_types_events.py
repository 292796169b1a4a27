"""Event rules and targets, log groups, queues and topics."""

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.pipeline.event_delivery import check_target
from rehearsal.provision.resource_types import Inputs, Made, ResourceType, Workbench, automatic_name, tag_list

_QUEUE_ATTRIBUTES = {
    "delaySeconds": "DelaySeconds",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
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


def _event_rule(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    arn = bench.cloud.client("events").put_rule(
        Name=name,
        EventPattern=inputs.need("eventPattern"),
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"description": "Description", "state": "State"}),
    )["RuleArn"]
    return Made(id=name, outputs={"name": name, "arn": arn})


def _event_target(bench: Workbench, inputs: Inputs) -> Made:
    rule = inputs.need("rule")
    target_id = inputs.take("targetId") or automatic_name(inputs.logical_name)
    target: dict[str, Any] = {"Id": target_id, **inputs.renamed({"arn": "Arn", "roleArn": "RoleArn"})}
    if dead_letter := inputs.child("deadLetterConfig"):
        target["DeadLetterConfig"] = dead_letter.renamed({"arn": "Arn"})
    if retry := inputs.child("retryPolicy"):
        target["RetryPolicy"] = retry.renamed(
            {
                "maximumRetryAttempts": "MaximumRetryAttempts",
                "maximumEventAgeInSeconds": "MaximumEventAgeInSeconds",
            }
        )
    check_target(target)
    bench.cloud.client("events").put_targets(Rule=rule, Targets=[target])
    return Made(id=f"{rule}-{target_id}", outputs={"targetId": target_id})


def _queue(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    attributes = {key: _attribute(value) for key, value in inputs.renamed(_QUEUE_ATTRIBUTES).items()}
    url = bench.cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes, tags=inputs.take("tags") or {})[
        "QueueUrl"
    ]
    return Made(id=url, outputs={"name": name, "url": url, "arn": bench.arn("sqs", name)})


def _queue_policy(bench: Workbench, inputs: Inputs) -> Made:
    url, policy = inputs.need("queueUrl"), inputs.need("policy")
    bench.cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Made(id=url)


def _topic(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    names = {"displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy"}
    arn = bench.cloud.client("sns").create_topic(
        Name=name, Attributes=inputs.renamed(names), Tags=tag_list(inputs.take("tags"))
    )["TopicArn"]
    return Made(id=arn, outputs={"name": name, "arn": arn})


def _attribute(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


TYPES: Mapping[str, ResourceType] = {
    "aws:cloudwatch/logGroup:LogGroup": ResourceType(create=_log_group),
    "aws:cloudwatch/eventRule:EventRule": ResourceType(create=_event_rule),
    "aws:cloudwatch/eventTarget:EventTarget": ResourceType(create=_event_target),
    "aws:sqs/queue:Queue": ResourceType(create=_queue),
    "aws:sqs/queuePolicy:QueuePolicy": ResourceType(create=_queue_policy),
    "aws:sns/topic:Topic": ResourceType(create=_topic),
}
