"""Model archives, taken apart and put together again as a stranger could; and changes of a text, exact ones."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ml.errors import RoadError


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """One exact replacement in a file, which must hold `old` once."""

    path: str
    old: str
    new: str

    def of(self, text: str) -> str:
        """Return the changed text. Raises RoadError when the guard is not where it is said to be."""
        if text.count(self.old) != 1:
            raise RoadError(
                f"{self.path} holds {self.old!r} {text.count(self.old)} times, not once: the guard has moved."
                " Say in rehearsal/drills/ where it is now"
            )
        return text.replace(self.old, self.new)


def sha256(body: bytes) -> str:
    """Return the hexadecimal SHA-256."""
    return hashlib.sha256(body).hexdigest()


def unpack(body: bytes) -> dict[str, bytes]:
    """Return the members of a gzipped tar archive by name, in order."""
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as content:
        files = [(member.name, content.extractfile(member)) for member in content.getmembers()]
        return {name: file.read() for name, file in files if file is not None}


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar archive."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as content:
        for name, member in members.items():
            entry = tarfile.TarInfo(name)
            # The container makes a wheel of the code, and zip files hold nothing before 1980.
            entry.size, entry.mode, entry.mtime = len(member), 0o644, 315532800
            content.addfile(entry, io.BytesIO(member))
    return body.getvalue()


def changed(members: Mapping[str, bytes], changes: Iterable[TextChange]) -> dict[str, bytes]:
    """Return the members with some of their texts changed. Raises RoadError as TextChange does."""
    found = dict(members)
    for change in changes:
        if change.path not in found:
            raise RoadError(f"the archive holds no {change.path}: the guard has moved")
        found[change.path] = change.of(found[change.path].decode()).encode()
    return found
