"""The record of what served when: one object for each run of a deployment, written once and never changed.

An endpoint that a person takes down leaves no entry: it is CloudTrail that knows of DeleteEndpoint.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml import contract, storage
from ml.errors import RoadError
from ml.registry import ModelPackageArn

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVES = "serves"
FAILED = "failed"
"""Events: the version serves and has proven itself, or its deployment ended without that."""

MOST_ATTEMPTS = 999


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run of one execution's deployment. `decision` is the registry's reason at that time, `detail` ours."""

    event: str
    time: str
    """UTC, ISO 8601 with seconds."""
    endpoint: str
    model_package_arn: str
    version: int
    config: str
    commit: str
    execution: str
    requested: bool
    """Whether a person started the execution for this version, which trains nothing."""
    decision: str
    detail: str
    approved_by: str = ""
    """Whose decision it was, as `registry.decided_by` has it; empty in entries from before it was kept."""

    def is_about(self, package: ModelPackageArn) -> bool:
        """Return whether this is about the package, in whichever case its group is spelt."""
        return self.model_package_arn.lower() == package.text.lower()


def timestamp(now: datetime) -> str:
    """Return `now` as entries hold it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def key(entry: Entry, attempt: int) -> str:
    """Return where the entry lies that an execution's run number `attempt` leaves."""
    return f"{contract.LEDGER_PREFIX}{entry.endpoint}/{entry.execution}-{attempt:03}.json"


def record(s3: "S3Client", bucket: str, entry: Entry) -> str:
    """Write the entry under its execution's next free number and return its key. Raises RoadError without any.

    A stage that is run again leaves another entry, so that the last one says what is. Nobody who writes may list or
    read: the numbers are tried in turn.
    """
    body = json.dumps(asdict(entry), indent=1, sort_keys=True).encode()
    for attempt in range(1, MOST_ATTEMPTS + 1):
        place = key(entry, attempt)
        if storage.put_if_absent(s3, bucket=bucket, key=place, body=body, content_type="application/json"):
            return place
    raise RoadError(
        f"{entry.execution} has left {MOST_ATTEMPTS} entries in the ledger of {entry.endpoint}. Start the pipeline"
        " anew: aws codepipeline start-pipeline-execution --name $(pulumi stack output pipeline_name)"
    )


def entries(s3: "S3Client", bucket: str, endpoint: str) -> list[Entry]:
    """Return every entry of the endpoint, oldest first. Raises RoadError for an object that is none.

    boto3 sends a write again whose answer was lost: the same entry under two numbers is one.
    """
    pages: Any = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{contract.LEDGER_PREFIX}{endpoint}/"
    )
    # S3 lists keys in order, so that runs of one execution within one second keep theirs.
    places = [each["Key"] for page in pages for each in page.get("Contents", [])]
    bodies = {s3.get_object(Bucket=bucket, Key=place)["Body"].read(): place for place in places}
    found = [_entry(place, body) for body, place in bodies.items()]
    return sorted(found, key=lambda entry: (entry.time, entry.execution))


def _entry(place: str, body: bytes) -> Entry:
    try:
        content: Mapping[str, Any] = json.loads(body)
        return Entry(**content)
    except (ValueError, TypeError) as error:
        raise RoadError(
            f"{place} is no entry of the ledger. Find out who wrote it: only the deploy role may"
        ) from error
