"""Pack a model for the serving container: the same model gives the same bytes, wherever and whenever it is packed."""

import gzip
import hashlib
import io
import json
import math
import pickle
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes none

from ml import bill_of_materials, catalogue, contract, inference, model_archive, proof, runtimes, safe_pickle
from ml.errors import RoadError
from ml.table import Table

MEMBER_TIME = 315532800
"""1980-01-01. Zip files cannot hold anything earlier, and the container makes a wheel of the code at start."""

COMPRESSION = 6
"""Python's default of 9 takes over ten times as long for three percent."""

GOLDEN_RECORDS = 5
"""As many rows, or fewer where they are so wide that the deploy step would not read that many."""

_SERVING_CODE = Path(inference.__file__).parent
PICKLE_PROTOCOL = 5


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A model archive and its SHA-256, which is also its name in the model bucket."""

    body: bytes
    sha256: str


def pack(model: Any, *, table: Table, held_out: NDArray[np.int64], use_case: str) -> Archive:
    """Return the archive of `model`, trained on `table`: the pickle, the serving code, what it expects, and proofs.

    The proofs are a few of the rows in `held_out` with the answers that the packed serving code gives to them. Raises
    RoadError for a model that the deploy step would refuse: it must not be registered.
    """
    pickled = pickle.dumps(model, protocol=PICKLE_PROTOCOL)
    _check_pickle(pickled)
    metadata = describe(model, table, use_case)
    bill = bill_of_materials.document(use_case, hashlib.sha256(pickled).hexdigest())
    members = {
        contract.MODEL_FILE: pickled,
        **{member: (_SERVING_CODE / Path(member).name).read_bytes() for member in contract.SERVING_FILES},
        contract.METADATA_FILE: _json(metadata),
        contract.GOLDEN_FILE: _golden_file(inference.load(pickled, metadata), table.rows[held_out[:GOLDEN_RECORDS]]),
        contract.SBOM_FILE: _json(bill),
    }
    body = tar_gz(members)
    _check_archive(body)
    return Archive(body=body, sha256=hashlib.sha256(body).hexdigest())


def _check_pickle(pickled: bytes) -> None:
    """Raise RoadError for a model that neither the deploy step nor the container would load."""
    try:
        safe_pickle.check(pickled)
    except safe_pickle.ForbiddenGlobalError as error:
        raise RoadError(
            f"{error}; nothing was registered. Build the model of scikit-learn's own parts, or add the name to"
            " ml/safe_pickle.py after a review"
        ) from error


def _check_archive(body: bytes) -> None:
    """Raise RoadError for an archive that the deploy step, which comes after the approval, would not take."""
    try:
        model_archive.check(body, contract.ARCHIVE_FILE, code=_SERVING_CODE)
        proof.golden_records(body, contract.ARCHIVE_FILE)
    except RoadError as error:
        raise RoadError(
            "the deploy step would refuse what was packed; nothing was registered. Train a smaller model, or on fewer"
            f" columns. It would say: {error}"
        ) from error


def describe(model: Any, table: Table, use_case: str) -> dict[str, Any]:
    """Return what the archive says about itself: columns, classes, estimator and the versions that made it."""
    estimator = model.steps[-1][1]
    return {
        "use_case": use_case,
        "task": table.task,
        "target": table.target_column,
        "classes": model.classes_.tolist() if table.task == catalogue.CLASSIFICATION else [],
        "columns": [asdict(column) for column in table.columns],
        "estimator": type(estimator).__name__,
        # Nested parts have an address in their text, which is another in each process.
        "hyperparameters": {
            name: str(value)
            for name, value in estimator.get_params(deep=False).items()
            if isinstance(value, str | int | float | None)
        },
        "data_sha256": table.sha256,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in runtimes.CONTAINER_LIBRARIES},
    }


def golden(model: inference.Model, rows: NDArray[Any]) -> dict[str, Any]:
    """Return raw records (JSON values, null when missing) with the exact predictions of the serving code."""
    instances = [[None if _is_nan(value) else value for value in row] for row in rows.tolist()]
    request = json.dumps({"instances": instances})
    with threadpool_limits(limits=1):  # as in training: sums of several threads end in other last digits
        status, body, _ = inference.answer(model, request, inference.JSON, inference.JSON)
    if status != 200:
        raise AssertionError(f"the serving code refuses rows of its own training data: {body}")
    return {"instances": instances, "predictions": json.loads(body)["predictions"]}


def _golden_file(model: inference.Model, rows: NDArray[Any]) -> bytes:
    """Return the golden records of as many of the first `rows` as the deploy step would read, at least one."""
    body = _json(golden(model, rows))
    if len(body) > proof.LARGEST_GOLDEN_FILE and len(rows) > 1:
        return _golden_file(model, rows[:-1])
    return body


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode()


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """Return a gzip-compressed tar of `members`, in order, with nothing in it of the machine or the moment."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, body in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(body), MEMBER_TIME, 0o644
            archive.addfile(member, io.BytesIO(body))
    packed = io.BytesIO()
    # Not gzip.compress: with a zero time it lets zlib write the platform into the header.
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=COMPRESSION, mtime=0) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()
