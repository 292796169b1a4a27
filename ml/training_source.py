"""The code that a training job runs: our own package as it is on this machine, packed to the same bytes every time.

The build's lock travels with it: the bill of materials in the model's archive names the digests that it holds.
"""

from pathlib import Path

from ml import bill_of_materials, packaging

_PACKAGE = Path(__file__).parent


def archive() -> bytes:
    """Return a gzip-compressed tar of the package `ml`, without what Python compiled, and the build's lock."""
    files = [path for path in sorted(_PACKAGE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    files.append(bill_of_materials.LOCK)
    return packaging.tar_gz({path.relative_to(_PACKAGE.parent).as_posix(): path.read_bytes() for path in files})
