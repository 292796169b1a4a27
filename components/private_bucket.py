"""PrivateBucket: a bucket that is versioned, encrypted, closed to the public, and reachable by TLS only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import Statement, deny, document
from components.stored_arns import bucket_arn

ABORT_UPLOAD_DAYS = 7
OLD_VERSION_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """A bucket's default encryption: with `key_arn`, or with S3's own keys where it is None.

    `bucket_key` saves calls of KMS: S3 then asks for one key for many objects instead of one for each.
    """

    key_arn: pulumi.Input[str] | None
    bucket_key: bool


@dataclass(frozen=True, kw_only=True)
class AccessLog:
    """The bucket in which S3 writes down every request to other buckets, once its `policy` lets S3 write."""

    bucket: pulumi.Input[str]
    policy: aws.s3.BucketPolicy


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """One bucket. `expire_days` removes current objects after that time; None keeps them for good.

    `expire_below` says the same of those below a prefix alone: prefix -> days. `statements` are the whole policy.
    `access_log` takes the log of every request; None for the bucket that it is.
    """

    bucket_name: str
    encryption: Encryption
    expire_days: int | None
    expire_below: Mapping[str, int]
    protect: bool
    statements: Sequence[Statement]
    access_log: AccessLog | None


class PrivateBucket(pulumi.ComponentResource):
    """A bucket with everything beside it that makes it private. Whoever its policy lets in waits for `policy`."""

    bucket: pulumi.Output[str]
    policy: aws.s3.BucketPolicy

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # Children inherit the protection: a bucket that outlives its stack must not stand there without its policy.
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=args.protect))
        super().__init__("mle004:components:PrivateBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket_name,
            force_destroy=not args.protect,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=bucket.bucket, rules=[_encryption_rule(args.encryption)], opts=child
        )
        self.policy = self._close(name, args, bucket)
        self._tidy(name, args, bucket, versioning)
        if args.access_log is not None:
            aws.s3.BucketLogging(
                f"{name}-access-log",
                bucket=bucket.bucket,
                target_bucket=args.access_log.bucket,
                target_prefix=f"{args.bucket_name}/",
                # S3 refuses a target that it may not write to yet.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[args.access_log.policy]),
            )
        self.bucket = bucket.bucket
        self.register_outputs({"bucket": self.bucket})

    def _close(self, name: str, args: PrivateBucketArgs, bucket: aws.s3.Bucket) -> aws.s3.BucketPolicy:
        block = aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=document(args.statements),
            # S3 answers two changes of a bucket's access at once with a conflict.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )

    def _tidy(
        self, name: str, args: PrivateBucketArgs, bucket: aws.s3.Bucket, versioning: aws.s3.BucketVersioning
    ) -> None:
        tidy: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
            "id": "tidy",
            "status": "Enabled",
            "filter": {},
            "abort_incomplete_multipart_upload": {"days_after_initiation": ABORT_UPLOAD_DAYS},
            "noncurrent_version_expiration": {"noncurrent_days": OLD_VERSION_DAYS},
        }
        if args.expire_days is not None:
            tidy["expiration"] = {"days": args.expire_days}
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[tidy, *(_expiry_rule(prefix, days) for prefix, days in args.expire_below.items())],
            # A rule about old versions needs a bucket that keeps them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )


def only_by_tls(bucket_name: str) -> Statement:
    """Return the statement by which a bucket refuses plain HTTP, whoever asks."""
    arn = bucket_arn(bucket_name)
    return {
        **deny("OnlyByTls", ["s3:*"], [arn, f"{arn}/*"], {"Bool": {"aws:SecureTransport": "false"}}),
        "Principal": "*",
    }


def only_by_kms(bucket_name: str) -> Statement:
    """Return the statement by which a bucket refuses objects that another kind of key would encrypt."""
    # A request that names no encryption gets the bucket's own, which is the stack's key. Not ...IfExists: IAM takes
    # an absent key for a match there, and the Deny would hit exactly those requests.
    return {
        **deny(
            "OnlyByKms",
            ["s3:PutObject"],
            f"{bucket_arn(bucket_name)}/*",
            {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
            },
        ),
        "Principal": "*",
    }


def _expiry_rule(prefix: str, days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    return {
        "id": f"expire-{prefix}",
        "status": "Enabled",
        "filter": {"prefix": prefix},
        "expiration": {"days": days},
    }


def _encryption_rule(
    encryption: Encryption,
) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
    if encryption.key_arn is None:
        return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    return {
        "apply_server_side_encryption_by_default": {
            "sse_algorithm": "aws:kms",
            "kms_master_key_id": encryption.key_arn,
        },
        "bucket_key_enabled": encryption.bucket_key,
    }
