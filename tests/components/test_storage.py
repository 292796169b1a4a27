"""Storage: closed, encrypted, versioned, tidy, its use written down, and protected where the stack says so."""

import json
from collections.abc import Callable

import pytest

from components.storage import ARTIFACT_DAYS, TRAINING_RESULT_DAYS
from ml import contract
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"
BUCKETS = ["artifacts", "models"]
ALL = ["storage-artifacts", "storage-models", "storage-access-log", "audit-files"]
AUDITED = {"audit": {"trail": True, "retentionDays": 731}}


def test_these_are_all_the_buckets(recorded: Record) -> None:
    found = [one.name for one in recorded("dev", AUDITED).of("s3/bucket:Bucket")]
    assert sorted(found) == sorted(f"{name}-bucket" for name in ALL)


@pytest.mark.parametrize("bucket", ALL)
def test_a_bucket_is_closed_to_the_public_in_all_four_ways(bucket: str, recorded: Record) -> None:
    block = recorded("dev", AUDITED).one("BucketPublicAccessBlock", bucket).inputs
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [block[flag] for flag in flags] == [True] * 4


@pytest.mark.parametrize("bucket", ALL)
def test_a_bucket_keeps_versions_and_has_no_acls(bucket: str, recorded: Record) -> None:
    run = recorded("dev", AUDITED)
    assert run.one("BucketVersioning", bucket).inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert run.one("BucketOwnershipControls", bucket).inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_encrypts_with_the_stacks_key(bucket: str, recorded: Record) -> None:
    rules = recorded().one("BucketServerSideEncryptionConfiguration", bucket).inputs["rules"]
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY_ARN}
    assert rules == [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]


@pytest.mark.parametrize("bucket", ALL)
def test_a_bucket_refuses_plain_http(bucket: str, recorded: Record) -> None:
    policy = recorded("dev", AUDITED).one("BucketPolicy", bucket).inputs
    arn = f"arn:aws:s3:::{policy['bucket']}"
    tls, *_ = json.loads(policy["policy"])["Statement"]
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", ["s3:*"])
    assert tls["Resource"] == [arn, f"{arn}/*"]
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_artifacts_and_models_refuse_any_other_encryption(bucket: str, recorded: Record) -> None:
    _, kms = json.loads(recorded().one("BucketPolicy", bucket).inputs["policy"])["Statement"]
    assert (kms["Effect"], kms["Principal"], kms["Action"]) == ("Deny", "*", ["s3:PutObject"])
    assert kms["Condition"] == {
        "Null": {"s3:x-amz-server-side-encryption": "false"},
        "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
    }


@pytest.mark.parametrize(("bucket", "expiration"), [("artifacts", {"days": ARTIFACT_DAYS}), ("models", None)])
def test_artifacts_expire_and_models_never_do(bucket: str, expiration: object, recorded: Record) -> None:
    rule, *more = recorded().one("BucketLifecycleConfiguration", bucket).inputs["rules"]
    assert len(more) == (bucket == "models")
    assert (rule["status"], rule["filter"]) == ("Enabled", {})
    assert rule.get("expiration") == expiration
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 90}


def test_what_expires_in_the_model_bucket_is_what_training_jobs_leave_and_no_evidence(recorded: Record) -> None:
    _, rule = recorded().one("BucketLifecycleConfiguration", "models").inputs["rules"]
    prefix = rule["filter"]["prefix"]
    assert (rule["status"], rule["expiration"]) == ("Enabled", {"days": TRAINING_RESULT_DAYS})
    assert prefix == contract.TRAINING_JOBS_PREFIX
    kept = (
        contract.MODELS_PREFIX,
        contract.EVALUATIONS_PREFIX,
        contract.REPORTS_PREFIX,
        contract.REGISTRATIONS_PREFIX,
        contract.LEDGER_PREFIX,
    )
    assert not any(one.startswith(prefix) or prefix.startswith(one) for one in kept)


def test_artifacts_outlive_the_longest_approval() -> None:
    assert ARTIFACT_DAYS > 60


def test_what_a_training_job_leaves_outlives_the_artifacts_of_its_execution() -> None:
    assert TRAINING_RESULT_DAYS >= ARTIFACT_DAYS


@pytest.mark.parametrize("bucket", ALL)
def test_side_resources_do_not_race(bucket: str, recorded: Record) -> None:
    run = recorded("dev", AUDITED)
    assert run.one("BucketPublicAccessBlock", bucket).urn in run.one("BucketPolicy", bucket).depends_on
    assert run.one("BucketVersioning", bucket).urn in run.one("BucketLifecycleConfiguration", bucket).depends_on


@pytest.mark.parametrize(("stack", "protected"), [("dev", False), ("prod", True)])
def test_what_cannot_be_made_again_is_protected_in_prod(stack: str, protected: bool, recorded: Record) -> None:
    run = recorded(stack, AUDITED)
    buckets = run.of("s3/bucket:Bucket")
    kept = [*buckets, *run.of("Key"), *run.of("ModelPackageGroup"), *run.of("Repository")]
    assert len(kept) == len(ALL) + 3
    assert {one.protect for one in kept} == {protected}
    assert {one.inputs["forceDestroy"] for one in buckets} == {not protected}
    beside = [one for one in run.resources if "PrivateBucket" in one.urn and one not in kept]
    guarded = [*kept, *beside, *run.of("kms/alias:Alias")]
    assert {one.protect for one in guarded} == {protected}
    assert not any(one.protect for one in run.resources if one not in guarded)


def test_protection_follows_its_setting(recorded: Record) -> None:
    assert not any(one.protect for one in recorded("prod", {"protectData": False}).resources)


def test_every_request_to_a_bucket_is_written_down_but_those_to_the_log_itself(recorded: Record) -> None:
    run = recorded("prod")
    logged = {one.inputs["bucket"]: one.inputs for one in run.of("BucketLogging")}
    log = run.one("s3/bucket:Bucket", "storage-access-log").inputs["bucket"]
    assert set(logged) == {one.inputs["bucket"] for one in run.of("s3/bucket:Bucket")} - {log}
    assert {one["targetBucket"] for one in logged.values()} == {log}
    assert {name: one["targetPrefix"] for name, one in logged.items()} == {name: f"{name}/" for name in logged}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_s3_writes_the_logs_of_this_stacks_buckets_and_nothing_else(stack: str, recorded: Record) -> None:
    run = recorded(stack)
    policy = run.one("BucketPolicy", "storage-access-log").inputs
    tls, delivery = json.loads(policy["policy"])["Statement"]
    sources = sorted(one.inputs["bucket"] for one in run.of("BucketLogging"))
    assert (tls["Sid"], tls["Effect"]) == ("OnlyByTls", "Deny")
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Action"] == ["s3:PutObject"]
    assert sorted(delivery["Resource"]) == [f"arn:aws:s3:::{policy['bucket']}/{source}/*" for source in sources]
    assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert sorted(delivery["Condition"]["ArnLike"]["aws:SourceArn"]) == [f"arn:aws:s3:::{one}" for one in sources]


def test_the_access_log_uses_s3s_own_keys_and_is_kept_as_long_as_logs_are(recorded: Record) -> None:
    run = recorded("dev", AUDITED)
    rules = run.one("BucketServerSideEncryptionConfiguration", "storage-access-log").inputs["rules"]
    assert rules == [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    (rule,) = run.one("BucketLifecycleConfiguration", "storage-access-log").inputs["rules"]
    assert rule["expiration"] == {"days": 731}


def test_logging_begins_once_s3_may_write_the_log(recorded: Record) -> None:
    run = recorded()
    policy = run.one("BucketPolicy", "storage-access-log").urn
    assert all(policy in one.depends_on for one in run.of("BucketLogging"))


def test_the_registry_is_the_briefs_group(recorded: Record) -> None:
    assert recorded().one("ModelPackageGroup").inputs["modelPackageGroupName"] == "ChurnPredictionModels"
