"""A bare git repository of this machine that tells of each push."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.pipeline import post_receive

FIRST_BRANCH = "main"
_TIMEOUT_SECONDS = 60
_COMMIT_FORMAT = "%H%n%T%n%P%n%an%n%ae%n%ad%n%cn%n%ce%n%cd%n%B"


def utc(git_date: str) -> str:
    """Write git's raw date (`<seconds> <zone>`) as UTC."""
    return datetime.fromtimestamp(int(git_date.split()[0]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class AbsentError(LookupError):
    """The repository has no such branch or commit."""


@dataclass(frozen=True, kw_only=True)
class BareRepository:
    """A repository at `path`, which is also the URL to clone."""

    path: Path

    @classmethod
    def create(cls, path: Path, *, name: str, told: str) -> "BareRepository":
        """Make an empty repository whose first branch is main; each pushed reference is posted to the URL `told`."""
        path.mkdir(parents=True)
        repository = cls(path=path)
        repository._git("init", "--quiet", "--bare", ".")
        repository._git("symbolic-ref", "HEAD", f"refs/heads/{FIRST_BRANCH}")
        # Said here, because a person's own core.hooksPath would silence the hook.
        repository._git("config", "core.hooksPath", str(path / "hooks"))
        command = shlex.join([sys.executable, "-I", str(Path(post_receive.__file__)), told, name])
        hook = path / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
        hook.chmod(0o755)
        return repository

    def branch_head(self, branch: str) -> str:
        """Return the commit id at the tip. Raises AbsentError."""
        try:
            return self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").decode().strip()
        except subprocess.CalledProcessError as error:
            raise AbsentError(branch) from error

    def archive(self, commit: str) -> bytes:
        """Return the commit's files as a zip, without git's metadata (the CODE_ZIP output format), not compressed."""
        return self._git("archive", "--format=zip", "-0", commit)

    def commit(self, commit: str) -> dict[str, Any]:
        """Return a commit in the shape of CodeCommit's GetCommit. Raises AbsentError."""
        try:
            shown = self._git("show", "--no-patch", "--date=raw", f"--format={_COMMIT_FORMAT}", f"{commit}^{{commit}}")
        except subprocess.CalledProcessError as error:
            raise AbsentError(commit) from error
        found, tree, parents, *people, message = shown.decode().split("\n", 9)
        author, committer = (dict(zip(("name", "email", "date"), people[at : at + 3], strict=True)) for at in (0, 3))
        return {
            "commitId": found,
            "treeId": tree,
            "parents": parents.split(),
            "message": message.rstrip("\n") + "\n",
            "author": author,
            "committer": committer,
            "additionalData": "",
        }

    def _git(self, *arguments: str) -> bytes:
        # Inside somebody's git hook such variables point at another repository; and no person's settings decide here.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = {**inherited, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
        return done.stdout
