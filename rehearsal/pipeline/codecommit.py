"""CodeCommit's git side: bare repositories whose pushes raise CodeCommit's own event.

Ours: the repository is a folder of this machine, and its clone URL is that folder's path.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.account.calls import AwsError, Caller
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline import post_receive
from rehearsal.pipeline.events import EventBus

DETAIL_TYPE = "CodeCommit Repository State Change"
_BRANCH = "main"
_PUSHES = "push"
_GIT_TIMEOUT_SECONDS = 60
_REFERENCE_TYPES = {"heads": "branch", "tags": "tag"}
_NO_OBJECT = frozenset("0")
_COMMIT_FORMAT = "%H%n%T%n%P%n%an%n%ae%n%ad%n%cn%n%ce%n%cd%n%B"


class Repositories:
    """Every repository of the rehearsal, under `<work>/repositories`."""

    def __init__(self, cloud: Cloud, bus: EventBus) -> None:
        self._cloud = cloud
        self._bus = bus
        self._folder = cloud.work / "repositories"
        cloud.front(_PUSHES, self._pushed)
        cloud.operation("codecommit", "GetBranch", self._get_branch)
        cloud.operation("codecommit", "GetCommit", self._get_commit)

    def create(self, name: str) -> str:
        """Make an empty repository whose first branch is main; return the URL to clone."""
        path = self._folder / f"{name}.git"
        path.mkdir(parents=True)
        _git(path, "init", "--quiet", "--bare", ".")
        _git(path, "symbolic-ref", "HEAD", f"refs/heads/{_BRANCH}")
        # Said here, because a person's own core.hooksPath would silence the hook.
        _git(path, "config", "core.hooksPath", str(path / "hooks"))
        url = self._cloud.front_url(_PUSHES)
        command = shlex.join([sys.executable, "-I", str(Path(post_receive.__file__)), url, name])
        hook = path / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
        hook.chmod(0o755)
        return str(path)

    def branch_head(self, name: str, branch: str) -> str:
        """Return the commit id at the tip. Raises AwsError as CodeCommit does when there is none."""
        path = self._path(name)
        try:
            return _git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").decode().strip()
        except subprocess.CalledProcessError as error:
            text = f"{name} does not have a branch called {branch}"
            raise AwsError("BranchDoesNotExistException", text) from error

    def archive(self, name: str, commit: str) -> bytes:
        """Return the commit's files as a zip, without git's metadata (the CODE_ZIP output format)."""
        return _git(self._path(name), "archive", "--format=zip", commit)

    def commit(self, name: str, commit: str) -> dict[str, Any]:
        """Return a commit in the shape of GetCommit. Raises AwsError when the repository has no such commit."""
        path = self._path(name)
        try:
            shown = _git(path, "show", "--no-patch", "--date=raw", f"--format={_COMMIT_FORMAT}", f"{commit}^{{commit}}")
        except subprocess.CalledProcessError as error:
            raise AwsError("CommitIdDoesNotExistException", f"{name} has no commit {commit}") from error
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

    def _get_branch(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        head = self.branch_head(params["repositoryName"], params["branchName"])
        return {"branch": {"branchName": params["branchName"], "commitId": head}}

    def _get_commit(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        return {"commit": self.commit(params["repositoryName"], params["commitId"])}

    def _pushed(self, push: Mapping[str, str]) -> None:
        """Raise the event of one pushed reference, as the CodeCommit user guide shows it."""
        name, reference = push["repository"], push["reference"]
        _, kind, short_name = reference.split("/", 2)
        created, deleted = set(push["old"]) == _NO_OBJECT, set(push["new"]) == _NO_OBJECT
        verb = "Created" if created else "Deleted" if deleted else "Updated"
        metadata = self._cloud.client("codecommit").get_repository(repositoryName=name)["repositoryMetadata"]
        detail = {
            "event": f"reference{verb}",
            "repositoryName": name,
            "repositoryId": metadata["repositoryId"],
            "referenceType": _REFERENCE_TYPES.get(kind, kind),
            "referenceName": short_name,
            "referenceFullName": reference,
            "callerUserArn": f"arn:aws:iam::{self._cloud.account}:user/developer",
            **({} if deleted else {"commitId": push["new"]}),
            **({} if created else {"oldCommitId": push["old"]}),
        }
        self._cloud.progress.note("CodeCommit", f"{name}: {short_name} {verb.lower()} {push['new'][:8]}")
        self._bus.emit("aws.codecommit", DETAIL_TYPE, detail, [metadata["Arn"]])

    def _path(self, name: str) -> Path:
        path = self._folder / f"{name}.git"
        if not path.is_dir():
            raise AwsError("RepositoryDoesNotExistException", f"{name} does not exist")
        return path


def _git(path: Path, *arguments: str) -> bytes:
    # Inside somebody's git hook such variables point at another repository; and no person's settings decide here.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**inherited, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=path, env=environment, capture_output=True, timeout=_GIT_TIMEOUT_SECONDS, check=True
    )
    return done.stdout
