"""The image of a build starts with bytecode that is there already, and hands on what a build compiles."""

import subprocess
from pathlib import Path

import pip

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


def test_what_is_compiled_here_is_there_before_anything_is_imported(tmp_path: Path) -> None:
    make_build_image(tmp_path / "image", tmp_path / "bytecode")
    ours = Path(pip.__file__).parent

    compiled_here = {file.relative_to(ours) for file in ours.rglob("*.pyc")}
    shown = {file.relative_to(tmp_path / "bytecode/packages/pip") for file in tmp_path.rglob("packages/pip/**/*.pyc")}

    assert shown == {file.parent.parent / file.name for file in compiled_here if "tests" not in file.parts}
    assert shown
