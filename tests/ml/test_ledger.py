"""The ledger: written once, read in order, and never anything else."""

import dataclasses
import datetime
from types import SimpleNamespace

import pytest

from ml import ledger
from ml.errors import RoadError

ENTRY = ledger.Entry(
    event=ledger.SERVES,
    time="2026-11-24T05:00:00Z",
    endpoint="mle-004-churn",
    model_package_arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/1",
    version=1,
    config="mle-004-churn--v1-1234",
    commit="0" * 40,
    execution="e-1",
    requested=False,
    decision="Approved: accuracy 0.9 is at least 0.85",
    detail="with mle-004-churn--v1-1234",
)


def test_an_entry_is_written_once_and_stays_as_it_was(aws: SimpleNamespace) -> None:
    assert ledger.record(aws.s3, aws.bucket, ENTRY)
    assert not ledger.record(aws.s3, aws.bucket, dataclasses.replace(ENTRY, version=2, time="2026-11-25T05:00:00Z"))
    assert ledger.entries(aws.s3, aws.bucket, "mle-004-churn") == [ENTRY]


def test_entries_come_oldest_first_and_only_those_of_the_endpoint(aws: SimpleNamespace) -> None:
    later = dataclasses.replace(ENTRY, execution="a-2", time="2026-11-24T06:00:00Z")
    failed = dataclasses.replace(ENTRY, event=ledger.FAILED, time="2026-11-24T04:00:00Z")
    for entry in (later, ENTRY, failed, dataclasses.replace(ENTRY, endpoint="mle-004-churn-prod")):
        ledger.record(aws.s3, aws.bucket, entry)
    assert ledger.entries(aws.s3, aws.bucket, "mle-004-churn") == [failed, ENTRY, later]
    assert ledger.entries(aws.s3, aws.bucket, "another") == []


@pytest.mark.parametrize("body", [b"not json", b'{"event": "serves"}', b"[]"])
def test_something_else_in_the_ledger_is_told(aws: SimpleNamespace, body: bytes) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="ledger/mle-004-churn/x.json", Body=body)
    with pytest.raises(RoadError, match=r"ledger/mle-004-churn/x.json is no entry of the ledger"):
        ledger.entries(aws.s3, aws.bucket, "mle-004-churn")


def test_a_faulty_store_is_no_repetition(aws: SimpleNamespace) -> None:
    with pytest.raises(aws.s3.exceptions.NoSuchBucket):
        ledger.record(aws.s3, "no-such-bucket-at-all", ENTRY)


def test_time_is_utc_with_seconds() -> None:
    assert ledger.timestamp(datetime.datetime(2026, 11, 24, 5, 6, 7, tzinfo=datetime.UTC)) == "2026-11-24T05:06:07Z"
