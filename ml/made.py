"""What training made, and how it travels from the training job that made it to the build that registers it."""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from ml import contract, evaluation, storage
from ml.errors import RoadError
from ml.packaging import Archive

RESULT_FILE = "result.json"
FILES = (contract.ARCHIVE_FILE, contract.EVALUATION_FILE, RESULT_FILE)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What training made, before anything of it has been registered."""

    data_sha256: str
    archive: Archive
    evaluation: bytes
    metrics: Mapping[str, float]
    summary: str


def files(made: Made) -> dict[str, bytes]:
    """Return what a training job leaves: name -> content."""
    result = {
        "archive_sha256": made.archive.sha256,
        "evaluation_sha256": storage.sha256(made.evaluation),
        "data_sha256": made.data_sha256,
        "summary": made.summary,
    }
    return {
        contract.ARCHIVE_FILE: made.archive.body,
        contract.EVALUATION_FILE: made.evaluation,
        RESULT_FILE: json.dumps(result, sort_keys=True).encode(),
    }


def read(found: Mapping[str, bytes], *, origin: str) -> Made:
    """Return what `files` gave. Raises RoadError, which names `origin`, when something is missing or was changed."""
    missing = [name for name in FILES if name not in found]
    if missing:
        raise RoadError(f"{origin} holds no {', '.join(missing)}; nothing was registered. Train again")
    result, archive = json.loads(found[RESULT_FILE]), found[contract.ARCHIVE_FILE]
    document = found[contract.EVALUATION_FILE]
    digests = {"archive_sha256": storage.sha256(archive), "evaluation_sha256": storage.sha256(document)}
    changed = [key for key, digest in digests.items() if result.get(key) != digest]
    if changed:
        raise RoadError(f"{origin}: {', '.join(changed)} is not what the training job wrote; nothing was registered")
    return Made(
        data_sha256=result["data_sha256"],
        archive=Archive(body=archive, sha256=digests["archive_sha256"]),
        evaluation=document,
        metrics=evaluation.reportable(document),
        summary=result["summary"],
    )


def unpack(packed: bytes, *, origin: str) -> dict[str, bytes]:
    """Return the regular files of a gzip-compressed tar, name -> content. Raises RoadError when it is none."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name.removeprefix("./")] = content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise RoadError(f"{origin} cannot be unpacked: {error}; nothing was registered. Train again") from error
    return found
