"""The report of one model on its way into the registry: written, stored once, and where a person opens it."""

import dataclasses
import io
import json
import tarfile
from typing import TYPE_CHECKING
from urllib.parse import quote

from ml import contract, gate, registry, report, storage
from ml.package_request import Candidate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def attach(s3: "S3Client", candidate: Candidate, *, bucket: str, page: bytes) -> Candidate:
    """Store the page under the key that its content gives it; return the candidate that names it."""
    uri = storage.put_once(
        s3,
        bucket=bucket,
        key=f"{contract.REPORTS_PREFIX}{storage.sha256(page)}/{contract.REPORT_FILE}",
        body=page,
        content_type="text/html; charset=utf-8",
    )
    return dataclasses.replace(candidate, report_uri=uri)


def write(candidate: Candidate, document: bytes, archive: bytes, verdict: gate.Verdict) -> bytes:
    """Return the page about the evaluation `document` of a candidate, judged, and packed in `archive`."""
    facts = {
        contract.METADATA_USE_CASE: candidate.use_case,
        "Registry": candidate.group,
        contract.METADATA_COMMIT: candidate.commit,
        "Repository": candidate.repository,
        contract.METADATA_EXECUTION: candidate.execution,
        contract.METADATA_DATA_SHA256: candidate.data_sha256,
        contract.METADATA_MODEL_SHA256: candidate.archive_sha256,
        contract.METADATA_EVALUATION_SHA256: candidate.evaluation_sha256,
        **made_with(archive),
    }
    return report.render(document, verdict=verdict, facts=facts)


def made_with(archive: bytes) -> dict[str, str]:
    """Return name -> version of what a model archive says that it was made with."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        member = packed.extractfile(contract.METADATA_FILE)
        metadata = json.load(member) if member else {}
    return {"Python": metadata["python"], **metadata["libraries"]}


def link(uri: str, *, region: str, otherwise: str) -> str:
    """Return where a person opens the report at `uri` in the AWS console; `otherwise` where a version has none.

    The form of the address is seen in use, not documented.
    """
    try:
        bucket, key = registry.split_s3_uri(uri)
    except ValueError:
        return otherwise
    return f"https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix={quote(key)}"
