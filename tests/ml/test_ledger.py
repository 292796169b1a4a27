"""The ledger: written once, read in order, and never anything else."""

import dataclasses
import datetime
import json
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


def test_an_entry_stays_as_it_was(aws: SimpleNamespace) -> None:
    place = ledger.record(aws.s3, aws.bucket, ENTRY)
    assert place == "ledger/mle-004-churn/e-1-001.json"
    ledger.record(aws.s3, aws.bucket, dataclasses.replace(ENTRY, version=2, time="2026-11-25T05:00:00Z"))
    assert ledger.entries(aws.s3, aws.bucket, "mle-004-churn")[0] == ENTRY


@pytest.mark.parametrize("seconds", [0, 1])
def test_every_run_of_a_retried_stage_leaves_its_entry_and_the_last_one_says_what_is(
    aws: SimpleNamespace, seconds: int
) -> None:
    """It served, it was run again and failed, and a third run has put it back."""
    runs = [
        dataclasses.replace(ENTRY, event=event, time=f"2026-11-24T05:00:{n * seconds:02}Z", detail=str(n))
        for n, event in enumerate((ledger.SERVES, ledger.FAILED, ledger.SERVES))
    ]
    places = [ledger.record(aws.s3, aws.bucket, run) for run in runs]

    assert [place[-8:] for place in places] == ["001.json", "002.json", "003.json"]
    assert ledger.entries(aws.s3, aws.bucket, "mle-004-churn") == runs


def test_an_entry_whose_writing_was_repeated_is_one(aws: SimpleNamespace) -> None:
    """boto3 sends a write again whose answer was lost, and then finds its own first one there."""
    for _ in range(2):
        ledger.record(aws.s3, aws.bucket, ENTRY)
    assert ledger.entries(aws.s3, aws.bucket, "mle-004-churn") == [ENTRY]


def test_runs_without_end_are_an_error(aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_ATTEMPTS", 2)
    for _ in range(2):
        ledger.record(aws.s3, aws.bucket, ENTRY)
    with pytest.raises(RoadError, match="e-1 has left 2 entries in the ledger of .*. Start the pipeline anew"):
        ledger.record(aws.s3, aws.bucket, ENTRY)


def test_an_entry_from_before_runs_were_counted_and_approvers_kept_can_be_read(aws: SimpleNamespace) -> None:
    old = dataclasses.asdict(ENTRY)
    del old["approved_by"]
    place = "ledger/mle-004-churn/e-1-serves.json"
    aws.s3.put_object(Bucket=aws.bucket, Key=place, Body=json.dumps(old).encode())
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
