"""How a training job gets files: each is a channel, which a manifest fills with exactly one object of S3.

The job itself needs no network and no credentials: SageMaker brings the objects before it starts.
"""

import hashlib
import json
from pathlib import Path

from ml import storage
from ml.errors import InputError

MANIFEST_FILE = "input.manifest"
SOURCE_CHANNEL = "source"
SOURCE_FILE = "source.tar.gz"


def name(uri: str) -> str:
    """Return the channel that brings the object at `uri`: the job, which knows the address, finds it there."""
    return f"input-{hashlib.sha256(uri.encode()).hexdigest()[:12]}"


def manifest(uri: str) -> bytes:
    """Return the manifest that names the object at `uri` alone; a key as prefix would bring others that begin alike."""
    folder, _, file = uri.rpartition("/")
    return json.dumps([{"prefix": f"{folder}/"}, file]).encode()


def reader(folder: Path) -> storage.Read:
    """Return what gives the content of an S3 address, from the channels below `folder`."""

    def _read(uri: str) -> bytes:
        file = folder / name(uri) / uri.rpartition("/")[2]
        if not file.is_file():
            raise InputError(f"{uri}: the training job was given no channel for it. Add it to the job's inputs")
        return file.read_bytes()

    return _read
