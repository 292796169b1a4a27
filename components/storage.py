"""Storage: the bucket through which the stages hand over, the bucket that keeps models, and the log of both's use."""

from dataclasses import dataclass

import pulumi

from components.iam import Statement, allow
from components.names import Names
from components.private_bucket import AccessLog, Encryption, PrivateBucket, PrivateBucketArgs, only_by_kms, only_by_tls
from components.settings import Settings
from components.stored_arns import bucket_arn
from ml import contract

ARTIFACT_DAYS = 90
"""Longer than the 60 days that an approval may wait: its execution still needs the artifacts after that."""

TRAINING_RESULT_DAYS = ARTIFACT_DAYS
"""The build stores its own copy of what a training job leaves. Only a retried build reads the job's again, and without
the artifacts there is nothing to retry."""


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """Whether the buckets are protected and how long the access log is kept is the settings' choice."""

    names: Names
    settings: Settings
    key_arn: pulumi.Input[str]


class Storage(pulumi.ComponentResource):
    """The buckets. Models and evaluations are evidence and never expire; so is the log, as long as logs are kept.

    What training jobs leave is no evidence: the build checks it and stores it again, under its digest.
    """

    artifact_bucket: pulumi.Output[str]
    model_bucket: pulumi.Output[str]
    access_log: AccessLog
    """Of every request to the other buckets."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Storage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        names, protect = args.names, args.settings.protect_data
        log = PrivateBucket(
            f"{name}-access-log",
            PrivateBucketArgs(
                bucket_name=names.access_log_bucket,
                # S3 delivers access logs to no bucket that encrypts with a key of KMS by default (S3 user guide,
                # Enabling server access logging).
                encryption=Encryption(key_arn=None, bucket_key=False),
                expire_days=args.settings.audit.retention_days,
                expire_below={},
                protect=protect,
                statements=[only_by_tls(names.access_log_bucket), access_log_statement(names, args.settings)],
                access_log=None,
            ),
            child,
        )
        self.access_log = AccessLog(bucket=log.bucket, policy=log.policy)
        encryption = Encryption(key_arn=args.key_arn, bucket_key=True)
        buckets = {
            key: PrivateBucket(
                f"{name}-{key}",
                PrivateBucketArgs(
                    bucket_name=bucket_name,
                    encryption=encryption,
                    expire_days=days,
                    expire_below=below,
                    protect=protect,
                    statements=[only_by_tls(bucket_name), only_by_kms(bucket_name)],
                    access_log=self.access_log,
                ),
                child,
            )
            for key, bucket_name, days, below in (
                ("artifacts", names.artifact_bucket, ARTIFACT_DAYS, {}),
                ("models", names.model_bucket, None, {contract.TRAINING_JOBS_PREFIX: TRAINING_RESULT_DAYS}),
            )
        }
        self.artifact_bucket = buckets["artifacts"].bucket
        self.model_bucket = buckets["models"].bucket
        self.register_outputs({"artifact_bucket": self.artifact_bucket, "model_bucket": self.model_bucket})


def logged_buckets(names: Names, settings: Settings) -> list[str]:
    """Return the buckets whose every request is written down: all but the log itself."""
    trail = [names.trail_bucket] if settings.audit.trail else []
    return [names.artifact_bucket, names.model_bucket, *trail]


def access_log_statement(names: Names, settings: Settings) -> Statement:
    """Return the statement by which S3 may write the access logs of exactly this stack's buckets.

    As the S3 user guide has it, Permissions for log delivery.
    """
    delivered = allow(
        "AccessLogsOfThisStack",
        ["s3:PutObject"],
        [f"{bucket_arn(names.access_log_bucket)}/{bucket}/*" for bucket in logged_buckets(names, settings)],
        {
            "StringEquals": {"aws:SourceAccount": names.account},
            "ArnLike": {"aws:SourceArn": [bucket_arn(bucket) for bucket in logged_buckets(names, settings)]},
        },
    )
    return {**delivered, "Principal": {"Service": "logging.s3.amazonaws.com"}}
