"""What a function's execution environments read: the unpacked archive, and the packages that the runtime brings."""

import hashlib
import importlib.util
import threading
from pathlib import Path

from rehearsal.pipeline.artifacts import unpack

# What Lambda's Python runtimes bring: boto3 and its own dependencies.
_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


class FunctionFiles:
    """Folders that all environments share, each made once. Safe to use from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def unpacked(self, code: bytes) -> Path:
        """Return the folder of this archive."""
        folder = self.folder / "code" / hashlib.sha256(code).hexdigest()
        with self._lock:
            if not folder.exists():
                unpack(code, folder)
        return folder

    def runtime(self) -> Path:
        """Return a folder that shows the runtime's packages and nothing else of our site-packages."""
        folder = self.folder / "runtime"
        with self._lock:
            if not folder.exists():
                folder.mkdir(parents=True)
                for name in _RUNTIME_PACKAGES:
                    package = _location(name)
                    (folder / package.name).symlink_to(package)
        return folder


def _location(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin
