"""Pulumi assets and archives as zip bytes: the same bytes for the same content, whatever the machine and the day."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pulumi import Archive, Asset, AssetArchive, FileArchive, FileAsset, StringAsset

_FIRST_DAY_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644


class ArchiveError(Exception):
    """An archive names content that cannot be read here; the text says which."""


def zip_archive(archive: Any) -> bytes:
    """Return the archive as a zip: entries sorted by name, with one date and one mode. Raises ArchiveError.

    A path in an archive is relative to the working directory, as the Pulumi engine has it.
    """
    if isinstance(archive, FileArchive) and Path(archive.path).is_file():
        return Path(archive.path).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for name, content in sorted(_entries("", archive)):
            entry = zipfile.ZipInfo(name, _FIRST_DAY_OF_ZIP)
            entry.external_attr = _READABLE_FILE << 16
            target.writestr(entry, content)
    return buffer.getvalue()


def _entries(name: str, node: Asset | Archive | Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(node, AssetArchive):
        for inner, child in node.assets.items():
            yield from _entries(f"{name}/{inner}" if name else inner, child)
    elif isinstance(node, FileArchive) and Path(node.path).is_dir():
        root = Path(node.path)
        for path in root.rglob("*"):
            if path.is_file():
                relative = path.relative_to(root).as_posix()
                yield f"{name}/{relative}" if name else relative, path.read_bytes()
    elif isinstance(node, StringAsset):
        yield name, node.text.encode()
    elif isinstance(node, FileAsset) and Path(str(node.path)).is_file():
        yield name, Path(str(node.path)).read_bytes()
    else:
        where = getattr(node, "path", None) or type(node).__name__
        raise ArchiveError(f"{name or 'the archive'}: nothing to read at {where}")
