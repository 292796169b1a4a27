"""S3 buckets and the side resources that make one private, encrypted, versioned, logged and tidy."""

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.provision.resource_types import (
    Existing,
    Inputs,
    Made,
    ProvisionError,
    ResourceType,
    Workbench,
    absent_is_fine,
    tag_list,
)

_US_EAST_1 = "us-east-1"
_ABSENT = ("NoSuchBucket", "404")
_MOST_KEYS = 1000
"""That DeleteObjects takes at once."""

Put = Callable[[Any, str, Inputs], None]
Delete = Callable[[Any, str], object]


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


def _delete_bucket(bench: Workbench, bucket: Existing) -> None:
    """Delete the bucket; only with `forceDestroy` what is in it too, as the provider does."""
    s3 = bench.cloud.client("s3")
    with absent_is_fine(*_ABSENT):
        if bucket.inputs.get("forceDestroy"):
            _empty(s3, bucket.id)
        s3.delete_bucket(Bucket=bucket.id)


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={}):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for first in range(0, len(found), _MOST_KEYS):
            some = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found[first : first + _MOST_KEYS]]
            if errors := s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True}).get("Errors"):
                raise ProvisionError(f"{bucket} cannot be emptied: {errors[0]['Key']}: {errors[0].get('Message')}")


def _versioning(s3: Any, bucket: str, inputs: Inputs) -> None:
    wanted = inputs.child("versioningConfiguration")
    settings = wanted.renamed({"status": "Status", "mfaDelete": "MFADelete"}) if wanted else {}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=settings)


def _suspend_versioning(s3: Any, bucket: str) -> None:
    """A bucket that has kept versions once can only stop keeping new ones."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


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


def _logging(s3: Any, bucket: str, inputs: Inputs) -> None:
    target = {"TargetBucket": inputs.need("targetBucket"), "TargetPrefix": inputs.need("targetPrefix")}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _notification(s3: Any, bucket: str, inputs: Inputs) -> None:
    to_events: dict[str, Any] = {"EventBridgeConfiguration": {}} if inputs.take("eventbridge") else {}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=to_events)


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


def _side_resource(put: Put, take_away: Delete, *updatable: str) -> ResourceType:
    """Return the type of one aspect of a bucket, which `put` sets as a whole and `take_away` sets back."""

    def _create(bench: Workbench, inputs: Inputs) -> Made:
        bucket = inputs.need("bucket")
        put(bench.cloud.client("s3"), bucket, inputs)
        return Made(id=bucket)

    def _delete(bench: Workbench, existing: Existing) -> None:
        with absent_is_fine(*_ABSENT):
            take_away(bench.cloud.client("s3"), existing.id)

    return ResourceType(create=_create, delete=_delete, updatable=frozenset(updatable))


def _no_logging(s3: Any, bucket: str) -> None:
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


def _no_notification(s3: Any, bucket: str) -> None:
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})


TYPES: Mapping[str, ResourceType] = {
    "aws:s3/bucket:Bucket": ResourceType(
        create=_bucket,
        delete=_delete_bucket,
        taggable=True,
        aws_only={"forceDestroy": "matters when the bucket is destroyed, and is read then"},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _side_resource(
        _versioning, _suspend_versioning, "versioningConfiguration"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _side_resource(
        _encryption, lambda s3, bucket: s3.delete_bucket_encryption(Bucket=bucket), "rules"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _side_resource(
        _public_access_block, lambda s3, bucket: s3.delete_public_access_block(Bucket=bucket)
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _side_resource(
        _ownership, lambda s3, bucket: s3.delete_bucket_ownership_controls(Bucket=bucket), "rule"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _side_resource(
        _policy, lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket), "policy"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _side_resource(
        _lifecycle, lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket), "rules"
    ),
    "aws:s3/bucketLogging:BucketLogging": _side_resource(_logging, _no_logging, "targetBucket", "targetPrefix"),
    "aws:s3/bucketNotification:BucketNotification": _side_resource(_notification, _no_notification, "eventbridge"),
}
