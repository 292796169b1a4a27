"""Storage, key and logs: closed, encrypted, versioned, tidy, and protected where the stack says so."""

import json
from collections.abc import Callable

import pytest

from components.storage import ARTIFACT_DAYS
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"
BUCKETS = ["artifacts", "models"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_closed_to_the_public_in_all_four_ways(bucket: str, recorded: Record) -> None:
    block = recorded().one("BucketPublicAccessBlock", bucket).inputs
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [block[flag] for flag in flags] == [True] * 4


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_keeps_versions_and_has_no_acls(bucket: str, recorded: Record) -> None:
    run = recorded()
    assert run.one("BucketVersioning", bucket).inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert run.one("BucketOwnershipControls", bucket).inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_encrypts_with_the_stacks_key(bucket: str, recorded: Record) -> None:
    rules = recorded().one("BucketServerSideEncryptionConfiguration", bucket).inputs["rules"]
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY_ARN}
    assert rules == [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_refuses_plain_http_and_other_encryption(bucket: str, recorded: Record) -> None:
    policy = recorded().one("BucketPolicy", bucket).inputs
    arn = f"arn:aws:s3:::{policy['bucket']}"
    tls, kms = json.loads(policy["policy"])["Statement"]
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", ["s3:*"])
    assert tls["Resource"] == [arn, f"{arn}/*"]
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (kms["Effect"], kms["Principal"], kms["Action"]) == ("Deny", "*", ["s3:PutObject"])
    assert kms["Condition"] == {
        "Null": {"s3:x-amz-server-side-encryption": "false"},
        "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
    }


@pytest.mark.parametrize(("bucket", "expiration"), [("artifacts", {"days": ARTIFACT_DAYS}), ("models", None)])
def test_artifacts_expire_and_models_never_do(bucket: str, expiration: object, recorded: Record) -> None:
    (rule,) = recorded().one("BucketLifecycleConfiguration", bucket).inputs["rules"]
    assert rule["status"] == "Enabled"
    assert rule.get("expiration") == expiration
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 90}


def test_artifacts_outlive_the_longest_approval() -> None:
    assert ARTIFACT_DAYS > 60


@pytest.mark.parametrize("bucket", BUCKETS)
def test_side_resources_do_not_race(bucket: str, recorded: Record) -> None:
    run = recorded()
    assert run.one("BucketPublicAccessBlock", bucket).urn in run.one("BucketPolicy", bucket).depends_on
    assert run.one("BucketVersioning", bucket).urn in run.one("BucketLifecycleConfiguration", bucket).depends_on


@pytest.mark.parametrize(("stack", "protected"), [("dev", False), ("prod", True)])
def test_what_cannot_be_made_again_is_protected_in_prod(stack: str, protected: bool, recorded: Record) -> None:
    run = recorded(stack)
    kept = [*run.of("s3/bucket:Bucket"), *run.of("Key"), *run.of("ModelPackageGroup"), *run.of("Repository")]
    assert len(kept) == 5
    assert {one.protect for one in kept} == {protected}
    assert {one.inputs["forceDestroy"] for one in run.of("s3/bucket:Bucket")} == {not protected}
    assert not any(one.protect for one in run.resources if one not in kept)


def test_protection_follows_its_setting(recorded: Record) -> None:
    assert not any(one.protect for one in recorded("prod", {"protectData": False}).resources)


def test_the_key_rotates_and_is_deleted_slowly(recorded: Record) -> None:
    key = recorded().one("Key").inputs
    assert key["enableKeyRotation"] is True
    assert key["deletionWindowInDays"] == 30
    assert recorded().one("Alias").inputs["name"] == "alias/mle-004"


def test_the_key_serves_the_account_and_the_stacks_log_groups(recorded: Record) -> None:
    run = recorded()
    account, logs = json.loads(run.one("Key").inputs["policy"])["Statement"]
    assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert logs["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    groups = {f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{one.inputs['name']}" for one in run.of("LogGroup")}
    assert set(logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]) == groups


def test_every_log_group_is_encrypted_and_kept_as_long_as_the_settings_say(recorded: Record) -> None:
    groups = [one.inputs for one in recorded("dev", {"audit": {"retentionDays": 731}}).of("LogGroup")]
    assert {one["name"] for one in groups} == {
        "/aws/codebuild/train-model",
        "/aws/codebuild/deploy-model",
        "/aws/lambda/mle-004-auto-approve-model",
        "/aws/sagemaker/Endpoints/mle-004-churn",
    }
    assert {(one["retentionInDays"], one["kmsKeyId"]) for one in groups} == {(731, KEY_ARN)}


def test_the_registry_is_the_briefs_group(recorded: Record) -> None:
    assert recorded().one("ModelPackageGroup").inputs["modelPackageGroupName"] == "ChurnPredictionModels"
