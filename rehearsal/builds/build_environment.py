"""What a build may see of the caller's environment: a short list, so that nothing works by accident."""

import os
import re
import sys
from pathlib import Path

_BASICS = ("HOME", "LANG", "TMPDIR")
# How to reach a package index, never where to install: a build must not touch the caller's interpreter.
_PACKAGE_INDEX = re.compile(
    r"(PIP|UV)_.*(INDEX|FIND_LINKS|CACHE|TRUSTED|INSECURE|TIMEOUT|RETRIES|TLS|OFFLINE|KEYRING|LINK_MODE|CONFIG_FILE).*"
    r"|.*(SSL|CERT).*|.*_CA_BUNDLE|XDG_(CACHE|CONFIG)_HOME|(?i:(https?|all|no)_proxy)"
)
_LOOPBACK = "127.0.0.1"


def basics() -> dict[str, str]:
    """Return PATH without our own virtual environment, and the few settings that a shell needs."""
    found = {name: os.environ[name] for name in _BASICS if name in os.environ}
    own = str(Path(sys.executable).parent) if sys.prefix != sys.base_prefix else None
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return {**found, "PATH": os.pathsep.join(folder for folder in folders if folder != own)}


def package_index() -> dict[str, str]:
    """Return the settings by which pip and uv find packages; a proxy is never asked for the emulated cloud."""
    found = {name: value for name, value in os.environ.items() if _PACKAGE_INDEX.fullmatch(name)}
    if any(name.lower().endswith("_proxy") for name in found):
        direct = ",".join(filter(None, (found.get("NO_PROXY") or found.get("no_proxy"), _LOOPBACK)))
        found |= {"NO_PROXY": direct, "no_proxy": direct}
    return found
