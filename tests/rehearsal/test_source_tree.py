"""The developer's side of a rehearsal: which files are pushed, and what git says when it fails."""

import subprocess
from pathlib import Path

import pytest

from ml.errors import RoadError
from rehearsal.source_tree import WorkingCopy, source_files


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(path)], check=True)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "ml").mkdir(parents=True)
    (root / "ml" / "model.py").write_text("DEPTH = 3\n")
    (root / ".venv").mkdir()
    (root / ".venv" / "big.bin").write_text("x")
    return root


def git(directory: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


def test_without_git_metadata_every_file_but_tools_leftovers_is_source(project: Path) -> None:
    assert [Path("ml/model.py")] == source_files(project)


def test_uncommitted_files_are_source_and_ignored_ones_are_not(project: Path) -> None:
    git(project, "init", "--quiet")
    (project / ".gitignore").write_text(".venv/\n")

    assert [Path(".gitignore"), Path("ml/model.py")] == source_files(project)


def test_a_push_carries_the_project_and_the_additions(bare: Path, project: Path, tmp_path: Path) -> None:
    copy = WorkingCopy(tmp_path / "clone", clone_url=str(bare), branch="main")
    copy.take(project)
    copy.append({"ml/model.py": "DEPTH = 1\n"})

    commit = copy.push("A weaker model")

    assert commit == git(bare, "rev-parse", "main")
    assert git(bare, "show", "main:ml/model.py") == "DEPTH = 3\nDEPTH = 1"


def test_a_push_that_git_refuses_says_why(bare: Path, project: Path, tmp_path: Path) -> None:
    copy = WorkingCopy(tmp_path / "clone", clone_url=str(bare), branch="main")
    copy.take(project)
    bare.rename(tmp_path / "gone.git")

    with pytest.raises(RoadError, match=r"git push failed in .*remote\.git"):
        copy.push("Lost")
