"""The record of what served when: one object for each deployment, written once and never changed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract
from ml.errors import RoadError
from ml.registry import ModelPackageArn

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVES = "serves"
FAILED = "failed"
"""Events: the version serves and has proven itself, or its deployment ended without that."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One deployment of one execution. `decision` is the registry's word and reason at that time, `detail` ours."""

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

    @property
    def key(self) -> str:
        """Where it lies: the same execution writes each event once, however often its stage is run again."""
        return f"{contract.LEDGER_PREFIX}{self.endpoint}/{self.execution}-{self.event}.json"

    def is_about(self, package: ModelPackageArn) -> bool:
        """Return whether this is about the package, in whichever case its group is spelt."""
        return self.model_package_arn.lower() == package.text.lower()


def timestamp(now: datetime) -> str:
    """Return `now` as entries hold it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def record(s3: "S3Client", bucket: str, entry: Entry) -> bool:
    """Write the entry unless this execution has recorded this event already; return whether it was written."""
    body = json.dumps(asdict(entry), indent=1, sort_keys=True).encode()
    try:
        s3.put_object(Bucket=bucket, Key=entry.key, Body=body, ContentType="application/json", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return False
    return True


def entries(s3: "S3Client", bucket: str, endpoint: str) -> list[Entry]:
    """Return every entry of the endpoint, oldest first. Raises RoadError for an object that is none."""
    pages: Any = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{contract.LEDGER_PREFIX}{endpoint}/"
    )
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    found = [_entry(key, s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return sorted(found, key=lambda entry: (entry.time, entry.execution))


def _entry(key: str, body: bytes) -> Entry:
    try:
        content: Mapping[str, Any] = json.loads(body)
        return Entry(**content)
    except (ValueError, TypeError) as error:
        raise RoadError(f"{key} is no entry of the ledger. Find out who wrote it: only the deploy role may") from error
