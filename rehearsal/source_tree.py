"""The developer's side: a clone of the emulated repository, filled with this project, committed and pushed with git."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ml.errors import RoadError

# What a checkout without git metadata (a downloaded archive) may hold beside the project's own files.
_NOT_SOURCE = frozenset({".git", ".venv", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__"})
_GIT_TIMEOUT_SECONDS = 60


def source_files(project: Path) -> list[Path]:
    """Return the project's files as relative paths: what git tracks or would add, or every file where git is absent.

    Uncommitted work counts: a rehearsal shows what would happen if this tree were pushed now.
    """
    if (project / ".git").exists():
        listed = _git(project, "ls-files", "-co", "--exclude-standard", "-z")
        paths = [Path(name) for name in listed.split("\0") if name]
    else:
        paths = [path.relative_to(project) for path in project.rglob("*")]
        paths = [path for path in paths if not _NOT_SOURCE.intersection(path.parts)]
    return sorted(path for path in paths if (project / path).is_file())


class WorkingCopy:
    """A clone at `directory` of the repository at `clone_url`, on `branch`."""

    def __init__(self, directory: Path, *, clone_url: str, branch: str) -> None:
        self.directory = directory
        self.branch = branch
        directory.parent.mkdir(parents=True, exist_ok=True)
        _git(directory.parent, "clone", "--quiet", clone_url, str(directory))
        _git(directory, "checkout", "--quiet", "-B", branch)

    def take(self, project: Path) -> None:
        """Copy the project's files into the clone."""
        for path in source_files(project):
            target = self.directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / path, target)

    def append(self, additions: Mapping[str, str]) -> None:
        """Append a text to each named file: the smallest change that a data scientist could make."""
        for name, text in additions.items():
            with (self.directory / name).open("a", encoding="utf-8") as file:
                file.write(text)

    def changed(self) -> bool:
        """Return whether there is anything to commit."""
        return bool(_git(self.directory, "status", "--porcelain").strip())

    def push(self, message: str) -> str:
        """Commit everything, push the branch, and return the commit id. Raises RoadError with git's own words."""
        _git(self.directory, "add", "--all")
        _git(self.directory, "commit", "--quiet", "--message", message)
        _git(self.directory, "push", "--quiet", "origin", self.branch)
        return _git(self.directory, "rev-parse", "HEAD").strip()


def _git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A data scientist", "-c", "user.email=data.scientist@example.com")
    # What lives for minutes is not worth compressing.
    in_haste = ("-c", "core.compression=0")
    # Nothing of the person's own git settings (signing, hooks, templates) may decide how a rehearsal ends.
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    done = subprocess.run(
        ["git", *identity, *in_haste, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_GIT_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RoadError(f"git {arguments[0]} failed in {directory}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
