"""Look into a model archive before anything is made of it, with the standard library alone: nothing in it runs."""

import io
import re
import tarfile
import zlib
from pathlib import Path

from ml import contract, safe_pickle
from ml.errors import RoadError

MOST_MEMBERS = 50
LARGEST_UNPACKED = 512 * 1024 * 1024
"""Bytes of all members together; the model is loaded once for each worker of the container."""

_CODE = re.compile(r"code/[a-z_]+\.py")
_NEEDED = (contract.MODEL_FILE, contract.INFERENCE_FILE, contract.METADATA_FILE, contract.GOLDEN_FILE)
_KNOWN = frozenset({*_NEEDED, contract.SBOM_FILE})
_UNREADABLE = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, safe_pickle.ForbiddenGlobalError)


def check(archive: bytes, uri: str, *, code: Path | None) -> None:
    """Raise RoadError unless the archive, which came from `uri`, holds a model's files and no others.

    Its pickle may name what ml/safe_pickle.py allows and nothing else. Where `code` is given, the serving code must be
    that directory's, byte for byte: a build that was led astray may pack another.
    """
    try:
        members = _members(archive)
        safe_pickle.check(members[contract.MODEL_FILE])
    except _UNREADABLE as error:
        raise RoadError(f"{uri}: {error}; nothing was deployed. Train again") from error
    served = {name: body for name, body in members.items() if _CODE.fullmatch(name)}
    if code is not None and served != {name: (code / Path(name).name).read_bytes() for name in contract.SERVING_FILES}:
        raise RoadError(f"{uri}: its serving code is not this commit's; nothing was deployed. Find out who packed it")


def _members(archive: bytes) -> dict[str, bytes]:
    """Return each member's name and content. Raises ValueError for what no model's archive has."""
    members: dict[str, bytes] = {}
    unpacked = 0
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as content:
        for member in content:
            unpacked += member.size
            if not member.isreg() or not (member.name in _KNOWN or _CODE.fullmatch(member.name)):
                raise ValueError(f"the archive holds {member.name[:80]!r}, which no model's archive has")
            if member.name in members:
                raise ValueError(f"the archive holds {member.name} twice")
            if unpacked > LARGEST_UNPACKED or len(members) == MOST_MEMBERS:
                raise ValueError(f"the archive has over {MOST_MEMBERS} members or {LARGEST_UNPACKED} bytes unpacked")
            file = content.extractfile(member)
            members[member.name] = file.read() if file else b""
    absent = [name for name in _NEEDED if name not in members]
    if absent:
        raise ValueError(f"the archive holds no {', '.join(absent)}")
    return members
