"""S3 buckets and the side resources that make one private, encrypted, versioned and tidy."""

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.provision.resource_types import Inputs, Made, ResourceType, Workbench, tag_list

_US_EAST_1 = "us-east-1"


def _bucket(bench: Workbench, inputs: Inputs) -> Made:
    name, region = inputs.name("bucket").lower(), bench.cloud.region
    s3 = bench.cloud.client("s3")
    # S3 refuses us-east-1 as a location constraint and demands one everywhere else.
    where = {} if region == _US_EAST_1 else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where, **inputs.renamed({"objectLockEnabled": "ObjectLockEnabledForBucket"}))
    if tags := inputs.take("tags"):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(tags)})
    return Made(
        id=name,
        outputs={
            "bucket": name,
            "arn": f"arn:aws:s3:::{name}",
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "region": region,
        },
    )


def _versioning(s3: Any, bucket: str, inputs: Inputs) -> None:
    wanted = inputs.child("versioningConfiguration")
    settings = wanted.renamed({"status": "Status", "mfaDelete": "MFADelete"}) if wanted else {}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=settings)


def _encryption(s3: Any, bucket: str, inputs: Inputs) -> None:
    rules = []
    for rule in inputs.children("rules"):
        default = rule.child("applyServerSideEncryptionByDefault")
        names = {"sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
        by_default = {"ApplyServerSideEncryptionByDefault": default.renamed(names)} if default else {}
        rules.append({**by_default, **rule.renamed({"bucketKeyEnabled": "BucketKeyEnabled"})})
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _public_access_block(s3: Any, bucket: str, inputs: Inputs) -> None:
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    given = inputs.renamed({flag[0].lower() + flag[1:]: flag for flag in flags})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=given)


def _ownership(s3: Any, bucket: str, inputs: Inputs) -> None:
    rule = inputs.child("rule")
    rules = [rule.renamed({"objectOwnership": "ObjectOwnership"})] if rule else []
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": rules})


def _policy(s3: Any, bucket: str, inputs: Inputs) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=inputs.need("policy"))


def _lifecycle(s3: Any, bucket: str, inputs: Inputs) -> None:
    rules = [_lifecycle_rule(rule) for rule in inputs.children("rules")]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(rule: Inputs) -> dict[str, Any]:
    parts: dict[str, Any] = rule.renamed({"id": "ID", "status": "Status"})
    where = rule.child("filter")
    parts["Filter"] = where.renamed({"prefix": "Prefix"}) if where else {"Prefix": ""}
    ends = {
        "expiration": ("Expiration", {"days": "Days"}),
        "noncurrentVersionExpiration": (
            "NoncurrentVersionExpiration",
            {"noncurrentDays": "NoncurrentDays", "newerNoncurrentVersions": "NewerNoncurrentVersions"},
        ),
        "abortIncompleteMultipartUpload": (
            "AbortIncompleteMultipartUpload",
            {"daysAfterInitiation": "DaysAfterInitiation"},
        ),
    }
    for ours, (api, names) in ends.items():
        if end := rule.child(ours):
            parts[api] = end.renamed(names)
    return parts


def _side_resource(put: Callable[[Any, str, Inputs], None]) -> ResourceType:
    def create(bench: Workbench, inputs: Inputs) -> Made:
        bucket = inputs.need("bucket")
        put(bench.cloud.client("s3"), bucket, inputs)
        return Made(id=bucket)

    return ResourceType(create=create)


TYPES: Mapping[str, ResourceType] = {
    "aws:s3/bucket:Bucket": ResourceType(
        create=_bucket, aws_only={"forceDestroy": "matters when the bucket is destroyed"}
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _side_resource(_versioning),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _side_resource(
        _encryption
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _side_resource(_public_access_block),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _side_resource(_ownership),
    "aws:s3/bucketPolicy:BucketPolicy": _side_resource(_policy),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _side_resource(_lifecycle),
}
