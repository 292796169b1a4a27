"""CodeCommit's git side: bare repositories whose pushes raise CodeCommit's own event.

Ours: the repository is a folder of this machine, and its clone URL is that folder's path.
"""

from collections.abc import Mapping
from typing import Any

from rehearsal.account.calls import AwsError, Caller
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.events import EventBus
from rehearsal.pipeline.git_repository import AbsentError, BareRepository

DETAIL_TYPE = "CodeCommit Repository State Change"
_PUSHES = "push"
_REFERENCE_TYPES = {"heads": "branch", "tags": "tag"}
_NO_OBJECT = frozenset("0")


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
        told = self._cloud.front_url(_PUSHES)
        return str(BareRepository.create(self._folder / f"{name}.git", name=name, told=told).path)

    def branch_head(self, name: str, branch: str) -> str:
        """Return the commit id at the tip. Raises AwsError as CodeCommit does when there is none."""
        try:
            return self._open(name).branch_head(branch)
        except AbsentError as error:
            text = f"{name} does not have a branch called {branch}"
            raise AwsError("BranchDoesNotExistException", text) from error

    def archive(self, name: str, commit: str) -> bytes:
        """Return the commit's files as a zip."""
        return self._open(name).archive(commit)

    def commit(self, name: str, commit: str) -> dict[str, Any]:
        """Return a commit in the shape of GetCommit. Raises AwsError when the repository has no such commit."""
        try:
            return self._open(name).commit(commit)
        except AbsentError as error:
            raise AwsError("CommitIdDoesNotExistException", f"{name} has no commit {commit}") from error

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

    def _open(self, name: str) -> BareRepository:
        path = self._folder / f"{name}.git"
        if not path.is_dir():
            raise AwsError("RepositoryDoesNotExistException", f"{name} does not exist")
        return BareRepository(path=path)
