"""What goes into a build and what comes out: zipped artifacts in S3, as CodePipeline hands them over."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """One object of one bucket."""

    bucket: str
    key: str


@dataclass(frozen=True, kw_only=True)
class BuildInputs:
    """What a pipeline action gives its build besides the parameters of StartBuild.

    `inputs` and `outputs` map artifact names to their places. `primary` names the input that is the build's working
    directory. `source_version` is the commit, `initiator` is "codepipeline/<pipeline>".
    """

    primary: str
    inputs: Mapping[str, S3Object]
    outputs: Mapping[str, S3Object]
    source_version: str
    initiator: str


@dataclass(frozen=True, kw_only=True)
class FileSelection:
    """Which files an output artifact takes, as a buildspec says it: globs below a base directory."""

    patterns: tuple[str, ...]
    base_directory: str
    discard_paths: bool


class NoMatchingFilesError(Exception):
    """A selection names no existing file; the text is CodeBuild's own."""


def unpack(archive: bytes, folder: Path) -> None:
    """Extract a zipped artifact into `folder`, which is made."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        content.extractall(folder)


def pack(selection: FileSelection, source: Path) -> bytes:
    """Return the zip of the selected files below `source`. Raises NoMatchingFilesError when there are none."""
    base = source / selection.base_directory
    if not base.is_dir():
        raise NoMatchingFilesError(f"no matching base directory path found for {selection.base_directory}")
    found = {path for pattern in selection.patterns for path in base.glob(pattern) if path.is_file()}
    if not found:
        raise NoMatchingFilesError("no matching artifact paths found")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as content:
        for path in sorted(found):
            content.write(path, path.name if selection.discard_paths else path.relative_to(base))
    return target.getvalue()
