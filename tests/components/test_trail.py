"""Trail: all of it where the stack asks for one, none of it where it does not."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ml import contract
from tests.components.watched import KEY_ARN, changes
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
BUCKET = f"mle-004-trail-{ACCOUNT}-{REGION}"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
TRAIL_ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/mle-004-trail"
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/cloudtrail/mle-004-trail"


@pytest.fixture
def run(recorded: Record) -> Recorded:
    return recorded("dev", changes(contract.AUTOMATED))


def statements(run: Recorded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run.one("BucketPolicy", "audit").inputs["policy"])["Statement"]
    return found


def test_without_the_setting_there_is_nothing_of_a_trail(recorded: Record) -> None:
    run = recorded("dev", {"audit": {"trail": False}})
    assert run.of("Trail") == []
    everything = json.dumps([one.inputs for one in run.resources])
    assert "cloudtrail" not in everything.lower()
    assert "mle-004-trail" not in everything


def test_the_trail_covers_every_region_and_proves_its_files(run: Recorded) -> None:
    trail = run.one("Trail").inputs
    assert trail["name"] == "mle-004-trail"
    flags = ("enableLogging", "enableLogFileValidation", "isMultiRegionTrail", "includeGlobalServiceEvents")
    assert [trail[flag] for flag in flags] == [True] * 4
    assert (trail["s3BucketName"], trail["kmsKeyId"]) == (BUCKET, KEY_ARN)


def test_it_records_management_and_every_use_of_the_model_buckets_objects(run: Recorded) -> None:
    selectors = run.one("Trail").inputs["advancedEventSelectors"]
    fields = [
        {one["field"]: one.get("equals") or one["startsWiths"] for one in selector["fieldSelectors"]}
        for selector in selectors
    ]
    assert fields == [
        {"eventCategory": ["Management"]},
        {
            "eventCategory": ["Data"],
            "resources.type": ["AWS::S3::Object"],
            "resources.ARN": [f"arn:aws:s3:::mle-004-models-{ACCOUNT}-{REGION}/"],
        },
    ]


def test_it_also_writes_into_a_log_group_as_a_role_of_its_own(run: Recorded) -> None:
    trail = run.one("Trail").inputs
    assert trail["cloudWatchLogsGroupArn"] == f"{GROUP_ARN}:*"
    assert trail["cloudWatchLogsRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/CloudTrail-MLE-004-Role"
    (statement,) = run.statements("CloudTrail-MLE-004-Role")
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == [f"{GROUP_ARN}:log-stream:{ACCOUNT}_CloudTrail_*"]


def test_it_is_made_once_bucket_log_group_and_role_let_it_write(run: Recorded) -> None:
    needed = {run.one("BucketPolicy", "audit").urn, run.one("LogGroup", "audit").urn}
    grants = {one.urn for one in run.of("RolePolicyAttachment") if one.name.startswith("roles-trail-")}
    assert grants
    assert needed | grants <= run.one("Trail").depends_on


def test_its_bucket_lets_this_trail_in_and_nobody_by_plain_http(run: Recorded) -> None:
    tls, looks, writes = statements(run)
    assert (tls["Sid"], tls["Effect"], tls["Resource"]) == ("OnlyByTls", "Deny", [BUCKET_ARN, f"{BUCKET_ARN}/*"])
    assert {json.dumps(one["Principal"]) for one in (looks, writes)} == {'{"Service": "cloudtrail.amazonaws.com"}'}
    assert (looks["Action"], looks["Resource"]) == (["s3:GetBucketAcl"], [BUCKET_ARN])
    assert looks["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL_ARN}}
    assert (writes["Action"], writes["Resource"]) == (["s3:PutObject"], [f"{BUCKET_ARN}/AWSLogs/{ACCOUNT}/*"])
    assert writes["Condition"] == {
        "StringEquals": {"aws:SourceArn": TRAIL_ARN, "s3:x-amz-acl": "bucket-owner-full-control"}
    }


def test_its_bucket_asks_kms_for_each_file_as_cloudtrail_may_not_decrypt(run: Recorded) -> None:
    (rule,) = run.one("BucketServerSideEncryptionConfiguration", "audit").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY_ARN}
    assert rule["bucketKeyEnabled"] is False
    trails = [
        one
        for one in json.loads(run.one("kms/key:Key").inputs["policy"])["Statement"]
        if one["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    ]
    assert "kms:Decrypt" not in [action for one in trails for action in one["Action"]]


def test_its_files_are_kept_as_long_as_logs_are(run: Recorded) -> None:
    (rule,) = run.one("BucketLifecycleConfiguration", "audit").inputs["rules"]
    assert rule["expiration"] == {"days": 731}
    assert run.one("LogGroup", "audit").inputs["retentionInDays"] == 731


@pytest.mark.parametrize("protected", [True, False])
def test_its_bucket_is_protected_with_the_other_data(protected: bool, recorded: Record) -> None:
    run = recorded("dev", changes(contract.AUTOMATED, protectData=protected))
    bucket = run.one("s3/bucket:Bucket", "audit")
    assert (bucket.protect, bucket.inputs["forceDestroy"]) == (protected, not protected)
