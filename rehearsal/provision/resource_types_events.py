"""Event rules and targets, queues and topics: how one part of the account hears of another."""

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.pipeline.event_delivery import check_target
from rehearsal.provision.resource_types import (
    Existing,
    Inputs,
    Made,
    ResourceType,
    Workbench,
    absent_is_fine,
    automatic_name,
    tag_list,
)

_ABSENT_RULE = "ResourceNotFoundException"
_ABSENT_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_ABSENT_TOPIC = ("NotFound", "NotFoundException")
_RULE = {
    "description": "Description",
    "eventPattern": "EventPattern",
    "scheduleExpression": "ScheduleExpression",
    "state": "State",
}
_QUEUE_ATTRIBUTES = {
    "delaySeconds": "DelaySeconds",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
_TOPIC_ATTRIBUTES = {
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}


def _event_rule(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    arn = bench.cloud.client("events").put_rule(
        Name=name, **_rule_tags(inputs), **{api: value for api, value in inputs.renamed(_RULE).items() if value}
    )["RuleArn"]
    return Made(id=name, outputs={"name": name, "arn": arn})


def _rule_tags(inputs: Inputs) -> dict[str, Any]:
    tags = tag_list(inputs.take("tags"))
    return {"Tags": tags} if tags else {}


def _delete_rule(bench: Workbench, rule: Existing) -> None:
    with absent_is_fine(_ABSENT_RULE):
        bench.cloud.client("events").delete_rule(Name=rule.id)


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


def _remove_target(bench: Workbench, target: Existing) -> None:
    with absent_is_fine(_ABSENT_RULE):
        bench.cloud.client("events").remove_targets(Rule=target.inputs["rule"], Ids=[target.outputs["targetId"]])


def _queue(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    attributes = {key: _attribute(value) for key, value in inputs.renamed(_QUEUE_ATTRIBUTES).items()}
    url = bench.cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes, tags=inputs.take("tags") or {})[
        "QueueUrl"
    ]
    return Made(id=url, outputs={"name": name, "url": url, "arn": bench.arn("sqs", name)})


def _change_queue(bench: Workbench, inputs: Inputs, queue: Existing) -> Made:
    attributes = {key: _attribute(value) for key, value in inputs.renamed(_QUEUE_ATTRIBUTES).items()}
    bench.cloud.client("sqs").set_queue_attributes(QueueUrl=queue.id, Attributes=attributes)
    return Made(id=queue.id, outputs=queue.outputs)


def _delete_queue(bench: Workbench, queue: Existing) -> None:
    with absent_is_fine(*_ABSENT_QUEUE):
        bench.cloud.client("sqs").delete_queue(QueueUrl=queue.id)


def _queue_policy(bench: Workbench, inputs: Inputs) -> Made:
    url, policy = inputs.need("queueUrl"), inputs.need("policy")
    bench.cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Made(id=url)


def _delete_queue_policy(bench: Workbench, policy: Existing) -> None:
    with absent_is_fine(*_ABSENT_QUEUE):
        bench.cloud.client("sqs").set_queue_attributes(QueueUrl=policy.id, Attributes={"Policy": ""})


def _topic(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    attributes = {key: _attribute(value) for key, value in inputs.renamed(_TOPIC_ATTRIBUTES).items()}
    arn = bench.cloud.client("sns").create_topic(Name=name, Attributes=attributes, Tags=tag_list(inputs.take("tags")))[
        "TopicArn"
    ]
    return Made(id=arn, outputs={"name": name, "arn": arn})


def _delete_topic(bench: Workbench, topic: Existing) -> None:
    with absent_is_fine(*_ABSENT_TOPIC):
        bench.cloud.client("sns").delete_topic(TopicArn=topic.id)


def _topic_policy(bench: Workbench, inputs: Inputs) -> Made:
    arn, policy = inputs.need("arn"), inputs.need("policy")
    _set_topic_policy(bench, arn, policy)
    return Made(id=arn)


def _delete_topic_policy(bench: Workbench, policy: Existing) -> None:
    """A topic always has a policy; the provider sets back the one that lets the owner do everything."""
    owner = {"StringEquals": {"AWS:SourceOwner": bench.cloud.account}}
    actions = ["SNS:Publish", "SNS:Subscribe", "SNS:SetTopicAttributes", "SNS:DeleteTopic", "SNS:GetTopicAttributes"]
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": policy.id,
        "Condition": owner,
    }
    with absent_is_fine(*_ABSENT_TOPIC):
        _set_topic_policy(bench, policy.id, json.dumps({"Version": "2008-10-17", "Statement": [statement]}))


def _set_topic_policy(bench: Workbench, arn: str, policy: str) -> None:
    bench.cloud.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


def _subscription(bench: Workbench, inputs: Inputs) -> Made:
    arn = bench.cloud.client("sns").subscribe(
        TopicArn=inputs.need("topic"),
        Protocol=inputs.need("protocol"),
        Endpoint=inputs.need("endpoint"),
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Made(id=arn, outputs={"arn": arn, "pendingConfirmation": False})


def _unsubscribe(bench: Workbench, subscription: Existing) -> None:
    with absent_is_fine(*_ABSENT_TOPIC):
        bench.cloud.client("sns").unsubscribe(SubscriptionArn=subscription.id)


def _attribute(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


TYPES: Mapping[str, ResourceType] = {
    "aws:cloudwatch/eventRule:EventRule": ResourceType(
        create=_event_rule, delete=_delete_rule, updatable=frozenset(_RULE), taggable=True
    ),
    "aws:cloudwatch/eventTarget:EventTarget": ResourceType(
        create=_event_target,
        delete=_remove_target,
        updatable=frozenset({"arn", "roleArn", "deadLetterConfig", "retryPolicy"}),
    ),
    "aws:sqs/queue:Queue": ResourceType(
        create=_queue,
        delete=_delete_queue,
        update=_change_queue,
        updatable=frozenset(_QUEUE_ATTRIBUTES),
        taggable=True,
    ),
    "aws:sqs/queuePolicy:QueuePolicy": ResourceType(
        create=_queue_policy, delete=_delete_queue_policy, updatable=frozenset({"policy"})
    ),
    "aws:sns/topic:Topic": ResourceType(create=_topic, delete=_delete_topic, taggable=True),
    "aws:sns/topicPolicy:TopicPolicy": ResourceType(
        create=_topic_policy, delete=_delete_topic_policy, updatable=frozenset({"policy"})
    ),
    "aws:sns/topicSubscription:TopicSubscription": ResourceType(create=_subscription, delete=_unsubscribe),
}
