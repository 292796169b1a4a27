"""Storage: the bucket through which the stages hand over, and the bucket that keeps models and their evidence."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.arns import bucket_arn
from components.iam import Statement, deny, document
from components.names import Names

ABORT_UPLOAD_DAYS = 7
ARTIFACT_DAYS = 90
"""Longer than the 60 days that an approval may wait: its execution still needs the artifacts after that."""

OLD_VERSION_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """One bucket. `expire_days` removes current objects after that time; None keeps them for good."""

    bucket_name: str
    key_arn: pulumi.Input[str]
    expire_days: int | None
    protect: bool


class PrivateBucket(pulumi.ComponentResource):
    """A bucket that is versioned, encrypted with the stack's key, closed to the public, and reachable by TLS only."""

    bucket: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:PrivateBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket_name,
            force_destroy=not args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
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
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": args.key_arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=child,
        )
        self._close(name, args, bucket)
        self._tidy(name, args, bucket, versioning)
        self.bucket = bucket.bucket
        self.register_outputs({"bucket": self.bucket})

    def _close(self, name: str, args: PrivateBucketArgs, bucket: aws.s3.Bucket) -> None:
        block = aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=document(bucket_statements(args.bucket_name)),
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
            rules=[tidy],
            # A rule about old versions needs a bucket that keeps them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """`protect` forbids deleting the buckets; without it they go together with what is in them."""

    names: Names
    key_arn: pulumi.Input[str]
    protect: bool


class Storage(pulumi.ComponentResource):
    """The two buckets. Models and evaluations are evidence and never expire."""

    artifact_bucket: pulumi.Output[str]
    model_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Storage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        artifacts = PrivateBucketArgs(
            bucket_name=args.names.artifact_bucket,
            key_arn=args.key_arn,
            expire_days=ARTIFACT_DAYS,
            protect=args.protect,
        )
        models = replace(artifacts, bucket_name=args.names.model_bucket, expire_days=None)
        self.artifact_bucket = PrivateBucket(f"{name}-artifacts", artifacts, child).bucket
        self.model_bucket = PrivateBucket(f"{name}-models", models, child).bucket
        self.register_outputs({"artifact_bucket": self.artifact_bucket, "model_bucket": self.model_bucket})


def bucket_statements(bucket_name: str) -> list[Statement]:
    """Return what the bucket refuses whoever asks: plain HTTP, and objects that another kind of key would encrypt."""
    arn = bucket_arn(bucket_name)
    everybody = {"Principal": "*"}
    return [
        {
            **deny("OnlyByTls", ["s3:*"], [arn, f"{arn}/*"], {"Bool": {"aws:SecureTransport": "false"}}),
            **everybody,
        },
        # A request that names no encryption gets the bucket's own, which is the stack's key. Not ...IfExists: IAM takes
        # an absent key for a match there, and the Deny would hit exactly those requests.
        {
            **deny(
                "OnlyByKms",
                ["s3:PutObject"],
                f"{arn}/*",
                {
                    "Null": {"s3:x-amz-server-side-encryption": "false"},
                    "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
                },
            ),
            **everybody,
        },
    ]
