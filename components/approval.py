"""ApprovalAutomation: the function that decides about registered versions, and what calls it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.arns import Arns
from components.iam import ServiceRole, Statement, allow, deny, document
from components.names import Names
from ml import contract

CODE_FILES = (
    "ml/__init__.py",
    "ml/contract.py",
    "ml/errors.py",
    "ml/gate.py",
    "ml/registry.py",
    "ml/lambda_auto_approve.py",
)
"""What the function ships with: named one by one, so that nothing else can slip in and change its hash."""

HANDLER = "ml.lambda_auto_approve.handler"
TIMEOUT_SECONDS = 60
MEMORY_MB = 256

# Lambda and EventBridge both try again on their own; what still fails after that waits in the queue for a person.
RETRIES = 2
EVENT_AGE_SECONDS = 3_600
DEAD_LETTER_SECONDS = 14 * 24 * 3_600


@dataclass(frozen=True, kw_only=True)
class ApprovalAutomationArgs:
    """`code_root` is the folder that holds `ml`; `thresholds` maps a metric to its limit."""

    names: Names
    code_root: Path
    role: ServiceRole
    model_package_group: pulumi.Input[str]
    thresholds: Mapping[str, float]
    retention_days: int
    key_arn: pulumi.Input[str]


class ApprovalAutomation(pulumi.ComponentResource):
    """The approval function. The pipeline's stage calls it, and so does the registry's event for a new version."""

    function_name: pulumi.Output[str]

    def __init__(self, name: str, args: ApprovalAutomationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:ApprovalAutomation", name, None, opts)
        queue = self._dead_letters(name, args)
        function = self._function(name, args, queue)
        self._call_on_registration(name, args, function, queue)
        self.function_name = function.name
        self.register_outputs({"function_name": self.function_name})

    def _dead_letters(self, name: str, args: ApprovalAutomationArgs) -> aws.sqs.Queue:
        child = pulumi.ResourceOptions(parent=self)
        queue = aws.sqs.Queue(
            f"{name}-dead-letters",
            name=args.names.dead_letter_queue,
            message_retention_seconds=DEAD_LETTER_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=child,
        )
        aws.sqs.QueuePolicy(
            f"{name}-dead-letters-policy",
            queue_url=queue.url,
            policy=document(dead_letter_statements(args.names)),
            opts=child,
        )
        return queue

    def _function(self, name: str, args: ApprovalAutomationArgs, queue: aws.sqs.Queue) -> aws.lambda_.Function:
        child = pulumi.ResourceOptions(parent=self)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.names.approval_log_group,
            retention_in_days=args.retention_days,
            kms_key_id=args.key_arn,
            opts=child,
        )
        function = aws.lambda_.Function(
            f"{name}-function",
            name=args.names.approval_function,
            description="Approves or rejects a registered model version by its metrics",
            role=args.role.arn,
            runtime=contract.LAMBDA_RUNTIME,
            architectures=["arm64"],
            handler=HANDLER,
            code=code_archive(args.code_root),
            timeout=TIMEOUT_SECONDS,
            memory_size=MEMORY_MB,
            environment={
                "variables": {
                    contract.MODEL_PACKAGE_GROUP: args.model_package_group,
                    contract.THRESHOLDS: json.dumps(dict(args.thresholds), sort_keys=True),
                }
            },
            logging_config={"log_format": "Text", "log_group": log_group.name},
            dead_letter_config={"target_arn": queue.arn},
            # Lambda refuses a dead-letter queue that the role may not send to yet.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.role.grants),
        )
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-retries",
            function_name=function.name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=EVENT_AGE_SECONDS,
            opts=child,
        )
        return function

    def _call_on_registration(
        self, name: str, args: ApprovalAutomationArgs, function: aws.lambda_.Function, queue: aws.sqs.Queue
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            f"{name}-registered",
            name=args.names.registry_rule,
            description=f"A version in {args.names.model_package_group} waits for a decision",
            event_pattern=json.dumps(registration_pattern(args.names.model_package_group)),
            opts=child,
        )
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            statement_id="CalledByRegistryRule",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            source_account=args.names.account,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-decide",
            rule=rule.name,
            target_id="auto-approve",
            arn=function.arn,
            retry_policy={"maximum_retry_attempts": RETRIES, "maximum_event_age_in_seconds": EVENT_AGE_SECONDS},
            dead_letter_config={"arn": queue.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )


def registration_pattern(model_package_group: str) -> dict[str, Any]:
    """Return the event pattern of a version that waits for a decision: the brief's, word for word."""
    return {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": [model_package_group],
            "ModelApprovalStatus": [contract.PENDING],
        },
    }


def dead_letter_statements(names: Names) -> list[Statement]:
    """Return who may fill the queue beside the function's own role: the rule, by TLS."""
    arns = Arns(names=names)
    return [
        {
            **allow(
                "RuleKeepsUndeliveredEvents",
                ["sqs:SendMessage"],
                arns.dead_letter_queue,
                {
                    "ArnEquals": {"aws:SourceArn": arns.registry_rule},
                    "StringEquals": {"aws:SourceAccount": names.account},
                },
            ),
            "Principal": {"Service": "events.amazonaws.com"},
        },
        {
            **deny("OnlyByTls", ["sqs:*"], arns.dead_letter_queue, {"Bool": {"aws:SecureTransport": "false"}}),
            "Principal": "*",
        },
    ]


def code_archive(code_root: Path) -> pulumi.AssetArchive:
    """Return the function's archive: CODE_FILES under `code_root`, at the same places."""
    files: dict[str, pulumi.Asset | pulumi.Archive] = {
        name: pulumi.FileAsset(str(code_root / name)) for name in CODE_FILES
    }
    return pulumi.AssetArchive(files)
