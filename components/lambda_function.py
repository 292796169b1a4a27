"""EventFunction: a Lambda function with its log, the rules that call it, and a queue for what it could not handle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.dead_letters import dead_letter_queue
from components.iam import Role
from components.names import Names
from ml import runtimes

TIMEOUT_SECONDS = 60
MEMORY_MB = 256
# Lambda and EventBridge both try again on their own; what still fails after that waits in the queue for a person.
RETRIES = 2
EVENT_AGE_SECONDS = 3_600


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What calls the function: events of a pattern, or the clock. `key` ends the rule's logical name."""

    key: str
    rule_name: str
    description: str
    pattern: Mapping[str, Any] | None = None
    schedule: str | None = None


@dataclass(frozen=True, kw_only=True)
class EventFunctionArgs:
    """A function by its data. `handler` is in `code`; `key_arn` encrypts the function's log and its environment."""

    names: Names
    function_name: str
    description: str
    log_group_name: str
    queue_name: str
    code: pulumi.Archive
    handler: str
    role: Role
    environment: Mapping[str, pulumi.Input[str]]
    rules: Sequence[Rule]
    retention_days: int
    key_arn: pulumi.Input[str]


class EventFunction(pulumi.ComponentResource):
    """A function that events call; its role calls nobody back but its queue, its log and what its statements name."""

    function_name: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: EventFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:EventFunction", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.log_group_name,
            retention_in_days=args.retention_days,
            kms_key_id=args.key_arn,
            opts=child,
        )
        rules = [rule.rule_name for rule in args.rules]
        queue = dead_letter_queue(f"{name}-dead-letters", args.names, args.queue_name, filled_by=rules, opts=child)
        function = self._function(name, args, log_group, queue)
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-retries",
            function_name=function.name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=EVENT_AGE_SECONDS,
            opts=child,
        )
        for rule in args.rules:
            self._call_on(f"{name}-{rule.key}", rule, function, queue, account=args.names.account)
        self.function_name = function.name
        self.log_group_name = log_group.name
        self.register_outputs({"function_name": self.function_name, "log_group_name": self.log_group_name})

    def _function(
        self, name: str, args: EventFunctionArgs, log_group: aws.cloudwatch.LogGroup, queue: aws.sqs.Queue
    ) -> aws.lambda_.Function:
        return aws.lambda_.Function(
            f"{name}-function",
            name=args.function_name,
            description=args.description,
            role=args.role.arn,
            runtime=runtimes.LAMBDA_RUNTIME,
            architectures=["arm64"],
            handler=args.handler,
            code=args.code,
            timeout=TIMEOUT_SECONDS,
            memory_size=MEMORY_MB,
            environment={"variables": dict(args.environment)},
            kms_key_arn=args.key_arn,
            tracing_config={"mode": "Active"},
            logging_config={"log_format": "Text", "log_group": log_group.name},
            dead_letter_config={"target_arn": queue.arn},
            # Lambda refuses a dead-letter queue that the role may not send to yet.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.role.grants),
        )

    def _call_on(
        self, name: str, rule: Rule, function: aws.lambda_.Function, queue: aws.sqs.Queue, *, account: str
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        made = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=rule.rule_name,
            description=rule.description,
            event_pattern=json.dumps(rule.pattern) if rule.pattern else None,
            schedule_expression=rule.schedule,
            opts=child,
        )
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            statement_id=f"CalledBy-{rule.key}",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="events.amazonaws.com",
            source_arn=made.arn,
            source_account=account,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=made.name,
            target_id=rule.key,
            arn=function.arn,
            retry_policy={"maximum_retry_attempts": RETRIES, "maximum_event_age_in_seconds": EVENT_AGE_SECONDS},
            dead_letter_config={"arn": queue.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )


def archive(root: str, files: Sequence[str]) -> pulumi.AssetArchive:
    """Return the archive of `files` (paths under `root`) at the same places.

    They are named one by one, so that nothing can slip in and change its hash.
    """
    return pulumi.AssetArchive({name: pulumi.FileAsset(f"{root}/{name}") for name in files})
