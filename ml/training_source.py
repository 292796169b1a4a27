"""The code that a training job runs: our own package as it is on this machine, packed to the same bytes every time."""

from pathlib import Path

from ml import packaging

_PACKAGE = Path(__file__).parent


def archive() -> bytes:
    """Return a gzip-compressed tar of the package `ml`, without what Python compiled."""
    files = [path for path in sorted(_PACKAGE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return packaging.tar_gz({path.relative_to(_PACKAGE.parent).as_posix(): path.read_bytes() for path in files})
