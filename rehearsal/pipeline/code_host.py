"""A code host outside AWS, such as GitHub, whose repositories a pipeline reaches through a connection.

Ours: a repository is a folder of this machine. On AWS the connection is made by hand in the console before the program
runs; here every connection counts as made. Who may push is the host's affair.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.git_repository import AbsentError, BareRepository, utc

HOST_TYPE = "GitHub"
_PUSHES = "host-push"
_BRANCH = "refs/heads/"
_NO_OBJECT = frozenset("0")


@dataclass(frozen=True, kw_only=True)
class Push:
    """A branch of a repository ("owner/name") that now has another commit."""

    repository: str
    branch: str
    commit: str


class CodeHost:
    """Every repository outside AWS, under `<work>/code-host`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._folder = cloud.work / "code-host"
        self._listeners: list[Callable[[Push], None]] = []
        cloud.front(_PUSHES, self._pushed)

    def create(self, full_name: str) -> str:
        """Make an empty repository "owner/name" whose first branch is main; return the URL to clone."""
        told = self._cloud.front_url(_PUSHES)
        return str(BareRepository.create(self._folder / f"{full_name}.git", name=full_name, told=told).path)

    def on_push(self, listener: Callable[[Push], None]) -> None:
        """Call `listener` for each branch that a push makes or moves: the webhook of the connection."""
        self._listeners.append(listener)

    def branch_head(self, full_name: str, branch: str) -> str:
        """Return the commit id at the tip. Raises AbsentError."""
        return self._open(full_name).branch_head(branch)

    def archive(self, full_name: str, commit: str) -> bytes:
        """Return the commit's files as a zip."""
        return self._open(full_name).archive(commit)

    def commit(self, full_name: str, commit: str) -> dict[str, Any]:
        """Return a commit as BareRepository does. Raises AbsentError."""
        return self._open(full_name).commit(commit)

    def author(self, full_name: str, commit: str) -> dict[str, str]:
        """Return who made a commit and what it says, in the words of CodePipeline's events. Raises AbsentError."""
        found = self.commit(full_name, commit)
        return {
            "provider-type": HOST_TYPE,
            "commit-message": found["message"].strip(),
            "author-date": utc(found["author"]["date"]),
            "author-display-name": found["author"]["name"],
            "author-email": found["author"]["email"],
            "author-id": found["author"]["name"],
        }

    def _open(self, full_name: str) -> BareRepository:
        path = self._folder / f"{full_name}.git"
        if not path.is_dir():
            raise AbsentError(full_name)
        return BareRepository(path=path)

    def _pushed(self, told: Mapping[str, str]) -> None:
        name, reference, commit = told["repository"], told["reference"], told["new"]
        # Tags and deleted branches start nothing: triggers on tags are refused when a pipeline is declared.
        if not reference.startswith(_BRANCH) or set(commit) == _NO_OBJECT:
            return
        push = Push(repository=name, branch=reference.removeprefix(_BRANCH), commit=commit)
        self._cloud.progress.note("code host", f"{name}: {push.branch} is now {commit[:8]}")
        for listener in self._listeners:
            listener(push)
