"""EncryptionKey: the one key that the stack's buckets and logs are encrypted with."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.arns import Arns
from components.iam import Statement, allow, document
from components.names import Names

DELETION_WINDOW_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """`protect` forbids deleting the key: whatever it encrypted would be lost."""

    names: Names
    protect: bool


class EncryptionKey(pulumi.ComponentResource):
    """A rotating key with its alias. Roles get their use of it from their own policies."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:EncryptionKey", name, None, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Artifacts, models and logs of {args.names.pipeline}",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=document(key_statements(args.names)),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=args.names.key_alias,
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def key_statements(names: Names) -> list[Statement]:
    """Return the key's own policy: IAM decides in the account, and CloudWatch Logs may use it for our groups."""
    arns = Arns(names=names)
    log_groups = (
        names.train_log_group,
        names.deploy_log_group,
        names.approval_log_group,
        names.endpoint_log_group,
    )
    return [
        # Without this statement nobody, the account's administrators included, could ever change the key again.
        {**allow("AccountDecidesByIam", ["kms:*"], "*"), "Principal": {"AWS": arns.account_root}},
        # The actions that the CloudWatch Logs user guide asks for.
        {
            **allow(
                "LogsOfThisStack",
                ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                "*",
                {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [arns.log_group(group) for group in log_groups]}},
            ),
            "Principal": {"Service": f"logs.{names.region}.amazonaws.com"},
        },
    ]
