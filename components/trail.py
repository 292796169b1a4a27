"""AuditTrail: who did what in the account, and who touched which model, written where it cannot be changed unseen."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.arns import Arns
from components.iam import Role, Statement, allow
from components.names import Names
from components.private_bucket import AccessLog, Encryption, PrivateBucket, PrivateBucketArgs, only_by_tls
from components.settings import Settings
from components.stored_arns import bucket_arn

SERVICE = "cloudtrail.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    """`role` writes into the log group; `access_log` takes the log of every request to the trail's bucket."""

    names: Names
    settings: Settings
    role: Role
    key_arn: pulumi.Input[str]
    access_log: AccessLog


class AuditTrail(pulumi.ComponentResource):
    """A trail of all regions with validated files, for accounts that have none of their own yet.

    It records every management event, which is where approvals and deployments are, and every use of a stored model.
    """

    def __init__(self, name: str, args: AuditTrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:AuditTrail", name, None, opts)
        names, arns = args.names, Arns(names=args.names)
        bucket = self._bucket(name, args)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=names.trail_log_group,
            retention_in_days=args.settings.audit.retention_days,
            kms_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudtrail.Trail(
            f"{name}-trail",
            name=names.trail,
            s3_bucket_name=bucket.bucket,
            kms_key_id=args.key_arn,
            cloud_watch_logs_group_arn=arns.log_streams(names.trail_log_group),
            cloud_watch_logs_role_arn=args.role.arn,
            enable_logging=True,
            enable_log_file_validation=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            advanced_event_selectors=[
                {
                    "name": "Management events",
                    "field_selectors": [{"field": "eventCategory", "equals": ["Management"]}],
                },
                {
                    "name": "Use of stored models and evaluations",
                    "field_selectors": [
                        {"field": "eventCategory", "equals": ["Data"]},
                        {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                        {"field": "resources.ARN", "starts_withs": [f"{bucket_arn(names.model_bucket)}/"]},
                    ],
                },
            ],
            # CloudTrail tries bucket, group and role when the trail is made, and refuses it where one fails.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket.policy, log_group, *args.role.grants]),
        )
        self.register_outputs({})

    def _bucket(self, name: str, args: AuditTrailArgs) -> PrivateBucket:
        return PrivateBucket(
            f"{name}-files",
            PrivateBucketArgs(
                bucket_name=args.names.trail_bucket,
                # Without a bucket key, with which CloudTrail would need kms:Decrypt (CloudTrail user guide).
                encryption=Encryption(key_arn=args.key_arn, bucket_key=False),
                expire_days=args.settings.audit.retention_days,
                expire_below={},
                protect=args.settings.protect_data,
                statements=trail_bucket_statements(args.names),
                access_log=args.access_log,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def trail_bucket_statements(names: Names) -> list[Statement]:
    """Return who may use the trail's bucket: CloudTrail, for this trail (CloudTrail user guide, bucket policy).

    No statement about encryption here: the trail itself names the key, and a refused file would be a silent gap.
    """
    bucket, trail = bucket_arn(names.trail_bucket), {"aws:SourceArn": Arns(names=names).trail}
    looks = allow("TrailLooksAtBucket", ["s3:GetBucketAcl"], bucket, {"StringEquals": trail})
    writes = allow(
        "TrailWritesFiles",
        ["s3:PutObject"],
        f"{bucket}/AWSLogs/{names.account}/*",
        {"StringEquals": {**trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
    )
    return [only_by_tls(names.trail_bucket), *({**one, "Principal": {"Service": SERVICE}} for one in (looks, writes))]
