"""Write down which packages made a model, as CycloneDX: the same environment gives the same bytes.

The locked packages are listed, not everything that happens to be installed: a laptop and a build image hold other tools
beside them, and those would change the archive without changing the model.
"""

import hashlib
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from ml import runtimes

SPECIFICATION = "1.6"
LOCK = Path(__file__).parent.parent / "buildspecs" / "requirements-train.txt"
_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;\\]+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")

Locked = Mapping[tuple[str, str], list[str]]
"""Name and version -> SHA-256 of each file that may be installed for it."""


def document(use_case: str, model_sha256: str, lock: Path = LOCK) -> dict[str, Any]:
    """Return the bill of materials of the model whose pickle has this SHA-256.

    Where the lock file cannot be read, the serving container's libraries are listed, without digests.
    """
    text = lock.read_text("utf-8") if lock.is_file() else ""
    locked = read_lock(text)
    names = sorted({name for name, _ in locked} or runtimes.CONTAINER_LIBRARIES)
    properties = [{"name": "lock:sha256", "value": hashlib.sha256(text.encode()).hexdigest()}] if text else []
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": use_case,
                "hashes": [{"alg": "SHA-256", "content": model_sha256}],
            },
            "properties": properties,
        },
        "components": [
            {"type": "platform", "bom-ref": "python", "name": "python", "version": platform.python_version()},
            *(component for name in names if (component := _component(name, locked))),
        ],
    }


def read_lock(text: str) -> Locked:
    """Return what a file of hash-locked requirements pins, markers set aside."""
    locked: dict[tuple[str, str], list[str]] = {}
    digests: list[str] = []
    for line in text.splitlines():
        if pin := _PIN.match(line):
            digests = locked.setdefault((pin["name"], pin["version"]), [])
        digests += [found["digest"] for found in _HASH.finditer(line)]
    return locked


def _component(name: str, locked: Locked) -> dict[str, Any] | None:
    """Return the installed package `name`; None when it is locked for other machines only."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    installed, url = about["Version"], f"pkg:pypi/{name}@{about['Version']}"
    component: dict[str, Any] = {"type": "library", "bom-ref": url, "name": name, "version": installed, "purl": url}
    if "License-Expression" in about:
        component["licenses"] = [{"expression": about["License-Expression"]}]
    if digests := locked.get((name, installed)):
        files = [{"alg": "SHA-256", "content": digest} for digest in digests]
        component["externalReferences"] = [
            {"type": "distribution", "url": f"https://pypi.org/simple/{name}/", "hashes": files}
        ]
    return component
