"""Let locked files accept of some packages the wheel without compiled code alone: `make lock` calls this last.

fontTools, which matplotlib brings, is 24 MB with its compiled code and 5 MB without. That code serves those who edit
fonts, which nobody does here. pip and uv install only what a hash in the file allows, so this hash chooses the wheel.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("fonttools",)
_PIN = re.compile(r"(?P<pin>(?P<name>[a-z0-9.-]+)==[^\s;\\]+)")


def main(paths: list[str]) -> None:
    """Rewrite each file. Raises CalledProcessError when the index has no such wheel."""
    known: dict[str, str] = {}

    def digest(pin: str) -> str:
        if pin not in known:
            known[pin] = digest_from_index(pin)
        return known[pin]

    for path in map(Path, paths):
        path.write_text(restricted(path.read_text("utf-8"), digest), encoding="utf-8")


def restricted(text: str, digest: Callable[[str], str]) -> str:
    """Return the locked file with one hash for each of PACKAGES: `digest` of its pin, "name==version"."""
    kept: list[str] = []
    name = ""
    for line in text.splitlines(keepends=True):
        if found := _PIN.match(line):
            name = found["name"]
            kept.append(line)
            if name in PACKAGES:
                kept.append(f"    --hash=sha256:{digest(found['pin'])}\n")
        elif name not in PACKAGES or "--hash=" not in line:
            kept.append(line)
    return "".join(kept)


def digest_from_index(pin: str) -> str:
    """Return the SHA-256, in hex, of the wheel for every platform. Raises CalledProcessError when there is none."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--platform", "any", "--dest", folder]
        subprocess.run([sys.executable, "-m", "pip", *asked, pin], check=True)
        (wheel,) = Path(folder).iterdir()
        return hashlib.sha256(wheel.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
