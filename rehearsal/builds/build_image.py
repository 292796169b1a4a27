"""The Python that stands for CodeBuild's image: a fresh virtual environment with pip, and nothing else of ours.

Only what a build installs itself can be imported there. `uv`, which builds install with pip first, counts as installed
already, so that a build needs no network once its wheels are in uv's cache.
"""

import contextlib
import importlib.metadata
import os
import shlex
import shutil
import sys
import sysconfig
import venv
from pathlib import Path

from uv import find_uv_bin

from rehearsal.builds import build_environment

_PIP_SCRIPT = """\
#!/bin/sh
exec {python} -m pip "$@"
"""
_UV_SCRIPT = """\
#!/bin/sh
case "$1 $2" in
  "pip install" | "pip sync")
    if output=$(UV_OFFLINE=1 {uv} "$@" 2>&1); then
      [ -z "$output" ] || printf '%s\\n' "$output"
      exit 0
    fi ;;
esac
exec {uv} "$@"
"""
_USUALLY_IMPORTED = (
    *("pip", "boto3", "botocore", "dateutil", "s3transfer", "urllib3"),
    *("sklearn", "scipy", "numpy", "joblib", "narwhals", "pyarrow"),
    *("matplotlib", "mpl_toolkits", "PIL", "fontTools", "kiwisolver", "contourpy", "cycler", "packaging", "pyparsing"),
)
_NEVER_IMPORTED = frozenset({"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "tkinter"})


class BuildImageError(Exception):
    """Our own environment lacks what the image is made of."""


def make_build_image(folder: Path, bytecode: Path) -> dict[str, str]:
    """Make the environment in `folder` and return the variables with which a build finds it.

    `bytecode` keeps what Python compiles: a later image in the same folder imports the same packages in a third of the
    time. Raises BuildImageError when pip or uv is missing where the rehearsal runs.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    binaries = folder / "bin"
    site_packages = next(folder.glob("lib/python*/site-packages"))
    for name in ("pip", "uv"):
        _take_distribution(name, site_packages)
    share_bytecode(bytecode)
    _show_bytecode(bytecode, site_packages)
    pip_script = _PIP_SCRIPT.format(python=shlex.quote(str(binaries / "python")))
    for name in ("pip", "pip3"):
        _write_script(binaries / name, pip_script)
    _write_script(binaries / "uv", uv_script(find_uv_bin()))
    inherited = build_environment.basics() | build_environment.package_index()
    return {
        **inherited,
        "PATH": f"{binaries}:{inherited['PATH']}",
        "VIRTUAL_ENV": str(folder),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPYCACHEPREFIX": str(bytecode),
        # Progress is shown while commands run, not when their buffers are full.
        "PYTHONUNBUFFERED": "1",
    }


def uv_script(program: str) -> str:
    """Return a shell script that installs with uv from its cache, and from the index what the cache lacks.

    Without asking the index whether anything changed, an install takes 0.15 s instead of 0.7 s and needs no network;
    locked hashes make both give the same files.
    """
    return _UV_SCRIPT.format(uv=shlex.quote(program))


def _take_distribution(name: str, site_packages: Path) -> None:
    """Install one of our own packages there. Installers replace and remove files and never write into one."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise BuildImageError(f"{name} is not installed for {sys.executable}") from error
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        # Scripts lie outside of site-packages and name our own interpreter.
        if ".." in file.parts or file.suffix == ".pyc" or not source.exists():
            continue
        target = site_packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(source, target)


def share_bytecode(bytecode: Path) -> None:
    """Put there what is compiled already: the standard library, and our own copies of what builds usually import.

    With a place of its own for bytecode, Python no longer looks beside the sources. A file is used only where time and
    size of the source are the same, which is so for wheels that uv took from its cache twice. Python, too, replaces
    such files and never writes into one. Half a second of processor the first time, nothing after that.
    """
    library, ours = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    _share(library, _place(bytecode, library))
    for name in _USUALLY_IMPORTED:
        if (ours / name).is_dir():
            _share(ours / name, _packages(bytecode) / name)


def _show_bytecode(bytecode: Path, site_packages: Path) -> None:
    """Let Python find it for an image's packages. Every image shows one and the same copy: a build serves the next."""
    for shared in _packages(bytecode).iterdir():
        shown = _place(bytecode, site_packages / shared.name)
        shown.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # an earlier image in this folder
            shown.symlink_to(shared)


def _packages(bytecode: Path) -> Path:
    return bytecode / "packages"


def _place(bytecode: Path, sources: Path) -> Path:
    """Return where Python looks for the bytecode of a folder: the prefix repeats the whole path."""
    return bytecode / sources.relative_to(sources.anchor)


def _share(source: Path, shared: Path) -> None:
    """Give what is compiled in `source` a second name in `shared`, where no folder is called __pycache__."""
    if shared.exists():
        return
    # Also where nothing is compiled yet: Python cannot write through a link that leads nowhere.
    shared.mkdir(parents=True, exist_ok=True)
    for folder, subfolders, files in os.walk(source):
        subfolders[:] = [name for name in subfolders if name not in _NEVER_IMPORTED]
        if Path(folder).name == "__pycache__":
            module_folder = shared / Path(folder).parent.relative_to(source)
            module_folder.mkdir(parents=True, exist_ok=True)
            # Another process may be compiling: what it has not finished has a longer name, and vanishes.
            for name in files:
                if name.endswith(".pyc"):
                    _link(Path(folder, name), module_folder / name)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; where that is impossible, copy it with its times."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        pass  # another build was faster
    except OSError:  # another file system
        shutil.copy2(source, target)


def _write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
