"""EncryptionKey: the one key that the stack's buckets, topics and logs are encrypted with."""

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarm_table import alarms
from components.arns import Arns
from components.iam import Statement, allow, document
from components.names import Names
from components.settings import Settings

DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """Which services may use the key follows from the settings; so does whether it may be deleted."""

    names: Names
    settings: Settings


class EncryptionKey(pulumi.ComponentResource):
    """A rotating key with its alias. Roles get their use of it from their own policies."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:EncryptionKey", name, None, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Artifacts, models, messages and logs of {args.names.pipeline}",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=document(key_statements(args.names, args.settings)),
            # Whatever it encrypted would be lost with it.
            opts=pulumi.ResourceOptions(parent=self, protect=args.settings.protect_data),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=args.names.key_alias,
            target_key_id=key.key_id,
            # A key that stays keeps the name that people find it by.
            opts=pulumi.ResourceOptions(parent=self, protect=args.settings.protect_data),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def log_groups(names: Names, settings: Settings) -> list[str]:
    """Return the names of every log group of a stack with these settings."""
    groups = [names.train_log_group, names.deploy_log_group, names.endpoint_log_group]
    if settings.approval.judges_metrics:
        groups.append(names.approval_log_group)
    if settings.approval.asks_person:
        groups.append(names.bridge_log_group)
    if settings.audit.trail:
        groups.append(names.trail_log_group)
    return groups


def key_statements(names: Names, settings: Settings) -> list[Statement]:
    """Return the key's own policy: IAM decides in the account, and services may use it for what this stack has."""
    account = Arns(names=names).account_root
    return [
        # Without this statement nobody, the account's administrators included, could ever change the key again.
        {**allow("AccountDecidesByIam", ["kms:*"], "*"), "Principal": {"AWS": account}},
        _logs_statement(names, settings),
        _alarms_statement(names, settings),
        *(_trail_statements(names) if settings.audit.trail else ()),
    ]


def _logs_statement(names: Names, settings: Settings) -> Statement:
    """Let CloudWatch Logs encrypt our groups (CloudWatch Logs user guide, Encrypt log data).

    The encryption context names account and group, which is what aws:SourceAccount is for elsewhere.
    """
    arns = Arns(names=names)
    groups = [arns.log_group(group) for group in log_groups(names, settings)]
    statement = allow(
        "LogsOfThisStack",
        ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        "*",
        {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )
    return {**statement, "Principal": {"Service": f"logs.{names.region}.amazonaws.com"}}


def _alarms_statement(names: Names, settings: Settings) -> Statement:
    """Let CloudWatch publish our alarms to an encrypted topic (SNS developer guide, Managing encryption keys)."""
    arns = Arns(names=names)
    statement = allow(
        "AlarmsOfThisStack",
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        "*",
        {
            "StringEquals": {"aws:SourceAccount": names.account},
            "ArnEquals": {"aws:SourceArn": [arns.alarm(alarm.name) for alarm in alarms(names, settings)]},
        },
    )
    return {**statement, "Principal": {"Service": "cloudwatch.amazonaws.com"}}


def _trail_statements(names: Names) -> Iterator[Statement]:
    """Let CloudTrail encrypt what our trail writes (CloudTrail user guide, Configure AWS KMS key policies).

    The guide recommends aws:SourceArn and advises against aws:SourceAccount, which the trail's ARN contains. It asks
    for kms:Decrypt only where a bucket uses an S3 bucket key; the trail's does not.
    """
    trail = {"aws:SourceArn": Arns(names=names).trail}
    any_trail = f"arn:aws:cloudtrail:*:{names.account}:trail/*"
    encrypts = allow(
        "TrailEncrypts",
        ["kms:GenerateDataKey*"],
        "*",
        {"StringEquals": trail, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": any_trail}},
    )
    describes = allow("TrailDescribes", ["kms:DescribeKey"], "*", {"StringEquals": trail})
    for statement in (encrypts, describes):
        yield {**statement, "Principal": {"Service": "cloudtrail.amazonaws.com"}}
