"""What was written about a version when it was trained, held against the digest that was kept of it."""

import webbrowser
from pathlib import Path

from botocore.exceptions import ClientError

from ml import contract, registry, storage
from ml.errors import InputError, RoadError
from ml.gate import EvidenceError
from ml.operate.aws import Aws
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.state import version_in_question
from ml.operate.versions import Version

_ABSENT = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


def evaluation(aws: Aws, version: Version) -> bytes:
    """Return the evaluation that was registered. Raises EvidenceError where it is absent or another one."""
    source = registry.evaluation_of(version.description)
    uri = f"s3://{source.bucket}/{source.key}"
    body = _stored(aws, source.bucket, source.key)
    if body is None:
        raise EvidenceError(f"the evaluation {uri} does not exist. Train again")
    if storage.sha256(body) != source.sha256:
        raise EvidenceError(f"the evaluation {uri} is not the one registered")
    return body


def report(aws: Aws, stack: Stack, version: Version) -> bytes:
    """Return the version's report. Raises RoadError where it has none, or another one than its key says."""
    uri = version.metadata.get(contract.METADATA_REPORT, "")
    if not uri:
        raise RoadError(
            f"version {version.number} was registered without a report. See what was measured:"
            f" python -m ml report --evaluation {version.number}"
        )
    prefix = f"s3://{stack.model_bucket}/{contract.REPORTS_PREFIX}"
    digest, separator, file = uri.removeprefix(prefix).partition("/")
    if not uri.startswith(prefix) or (separator, file) != ("/", contract.REPORT_FILE):
        raise RoadError(
            f"the report of version {version.number} is said to be {uri}, not below {prefix}: do not trust it"
        )
    body = _stored(aws, stack.model_bucket, uri.removeprefix(f"s3://{stack.model_bucket}/"))
    if body is None:
        raise RoadError(f"the report {uri} does not exist. Find out who removed it")
    found = storage.sha256(body)
    if found != digest:
        raise RoadError(f"the report {uri} has SHA-256 {found}, not the one in its key: somebody changed it")
    return body


def _stored(aws: Aws, bucket: str, key: str) -> bytes | None:
    """Return the object, None where there is none. A refusal is raised: it says nothing about the version."""
    try:
        body: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"].get("Code") not in _ABSENT:
            raise
        return None
    return body


def fetch(aws: Aws, stack: Stack, about: str | None, *, evaluated: bool, to: Path | None, open_it: bool) -> Answer:
    """Write a version's report, or with `evaluated` its evaluation, to a file; with `open_it` show it in a browser."""
    version = version_in_question(aws, stack, about)
    kind, suffix = ("evaluation", "json") if evaluated else ("report", "html")
    body = evaluation(aws, version) if evaluated else report(aws, stack, version)
    file = to or Path(f"{stack.model_package_group}-{version.number}-{kind}.{suffix}")
    try:
        file.write_bytes(body)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}. Name another file with --to") from error
    notes = []
    if open_it and not webbrowser.open(file.resolve().as_uri()):
        notes.append(f"No browser could be started. Open {file} yourself")
    row = {
        "version": version.number,
        "what": kind,
        "file": str(file),
        "sha256": storage.sha256(body),
        "bytes": len(body),
    }
    return Answer(
        title=f"version {version.number} of {stack.model_package_group}",
        columns=("version", "what", "file", "sha256", "bytes"),
        rows=[row],
        notes=notes,
    )
