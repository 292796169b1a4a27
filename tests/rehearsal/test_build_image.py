"""The image of a build starts with bytecode that is there already, and hands on what a build compiles."""

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pip
import pytest

from rehearsal.builds.build_image import make_build_image

SECONDS = 60


def compiled(variables: dict[str, str]) -> str:
    """Let the image's Python compile a module of pip that was not compiled before; return where it put the bytecode."""
    lines = (
        "import importlib.util, pathlib, pip",
        "file = pathlib.Path(pip.__file__).with_name('only_here.py')",
        "file.write_text('')",
        "import pip.only_here",
        "print(pathlib.Path(importlib.util.cache_from_source(str(file))).resolve())",
    )
    command = [f"{variables['VIRTUAL_ENV']}/bin/python", "-c", "\n".join(lines)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=SECONDS, check=True)
    return done.stdout.strip()


def test_what_one_build_compiles_serves_the_next_in_whatever_folder(tmp_path: Path) -> None:
    bytecode = tmp_path / "bytecode"
    one, other = (compiled(make_build_image(tmp_path / name, bytecode)) for name in ("train", "deploy"))

    assert one == other
    assert Path(one).is_relative_to(bytecode)
    assert Path(one).is_file()


def test_a_second_image_in_a_folder_finds_the_same_bytecode(tmp_path: Path) -> None:
    bytecode = tmp_path / "bytecode"
    one, again = (compiled(make_build_image(tmp_path / "image", bytecode)) for _ in range(2))

    assert one == again


def test_bytecode_of_packages_of_which_nothing_is_compiled_yet_is_shared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip").mkdir()
    original = sysconfig.get_path

    def get_path(name: str, *of: Any, **what: Any) -> str:
        return str(tmp_path) if (name, what) == ("purelib", {}) else original(name, *of, **what)

    monkeypatch.setattr(sysconfig, "get_path", get_path)
    one, other = (compiled(make_build_image(tmp_path / name, tmp_path / "bytecode")) for name in ("train", "deploy"))

    assert one == other
    assert Path(one).is_file()


def test_what_is_compiled_here_is_there_before_anything_is_imported(tmp_path: Path) -> None:
    make_build_image(tmp_path / "image", tmp_path / "bytecode")
    ours = Path(pip.__file__).parent

    compiled_here = {file.relative_to(ours) for file in ours.rglob("*.pyc")}
    shown = {file.relative_to(tmp_path / "bytecode/packages/pip") for file in tmp_path.rglob("packages/pip/**/*.pyc")}

    assert shown == {file.parent.parent / file.name for file in compiled_here if "tests" not in file.parts}
    assert shown
