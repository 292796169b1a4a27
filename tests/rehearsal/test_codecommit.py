"""CodeCommit's git side: what a push raises, and what the API reads back."""

import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account.calls import AwsError
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.events import EventBus

REGION = "eu-west-1"


class Silence:
    def note(self, where: str, what: str) -> None:
        pass


class Clone:
    """A developer's clone; git with nobody's settings."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        folder.mkdir()
        self.git("clone", "-q", url, ".")
        self.git("checkout", "-q", "-B", "main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *what: str) -> None:
        self.git("push", "-q", "origin", *what)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud.start(tmp_path_factory.mktemp("work").resolve(), REGION, Silence())
    yield cloud
    cloud.stop()


@pytest.fixture
def emitted(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the repositories told the bus, in order."""
    events: list[dict[str, Any]] = []

    def emit(_bus: EventBus, source: str, detail_type: str, detail: Any, resources: Any) -> str:
        events.append({"source": source, "detail-type": detail_type, "detail": detail, "resources": resources})
        return ""

    monkeypatch.setattr(EventBus, "emit", emit)
    return events


@pytest.fixture(scope="module")
def repositories(cloud: Cloud) -> Repositories:
    return Repositories(cloud, EventBus(cloud, lambda arn, event: None))


@pytest.fixture
def name(cloud: Cloud, repositories: Repositories, request: pytest.FixtureRequest) -> str:
    """A repository of the test's own."""
    name: str = request.node.name[:100]
    cloud.client("codecommit").create_repository(repositoryName=name)
    repositories.create(name)
    return name


@pytest.fixture
def clone(cloud: Cloud, name: str, tmp_path: Path) -> Clone:
    return Clone(str(cloud.work / "repositories" / f"{name}.git"), tmp_path / "clone")


def test_first_push_of_a_branch_is_a_reference_created(
    cloud: Cloud, name: str, clone: Clone, emitted: list[dict[str, Any]]
) -> None:
    commit = clone.commit("first", a="1")
    clone.push("main")
    repository = cloud.client("codecommit").get_repository(repositoryName=name)["repositoryMetadata"]
    assert emitted == [
        {
            "source": "aws.codecommit",
            "detail-type": "CodeCommit Repository State Change",
            "resources": [f"arn:aws:codecommit:{REGION}:{cloud.account}:{name}"],
            "detail": {
                "event": "referenceCreated",
                "repositoryName": name,
                "repositoryId": repository["repositoryId"],
                "referenceType": "branch",
                "referenceName": "main",
                "referenceFullName": "refs/heads/main",
                "commitId": commit,
                "callerUserArn": f"arn:aws:iam::{cloud.account}:user/developer",
            },
        }
    ]


def test_next_push_is_a_reference_updated_with_both_commits(clone: Clone, emitted: list[dict[str, Any]]) -> None:
    old = clone.commit("first", a="1")
    clone.push("main")
    new = clone.commit("second", a="2")
    clone.push("main")
    detail = emitted[-1]["detail"]
    assert (detail["event"], detail["oldCommitId"], detail["commitId"]) == ("referenceUpdated", old, new)


def test_deleting_a_branch_is_a_reference_deleted_without_a_new_commit(
    clone: Clone, emitted: list[dict[str, Any]]
) -> None:
    old = clone.commit("first", a="1")
    clone.push("main", "main:feature/x")
    clone.push("--delete", "feature/x")
    detail = emitted[-1]["detail"]
    assert (detail["event"], detail["referenceName"], detail["oldCommitId"]) == (
        "referenceDeleted",
        "feature/x",
        old,
    )
    assert "commitId" not in detail


def test_each_pushed_reference_raises_its_own_event_and_tags_are_told_from_branches(
    clone: Clone, emitted: list[dict[str, Any]]
) -> None:
    clone.commit("first", a="1")
    clone.git("tag", "v1")
    clone.push("main", "v1")
    assert sorted((e["detail"]["referenceType"], e["detail"]["referenceName"]) for e in emitted) == [
        ("branch", "main"),
        ("tag", "v1"),
    ]


def test_hook_runs_in_spite_of_the_persons_own_hooks_path(
    clone: Clone, emitted: list[dict[str, Any]], tmp_path: Path
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\thooksPath = {tmp_path}\n")
    clone.environment["GIT_CONFIG_GLOBAL"] = str(settings)
    clone.commit("first", a="1")
    clone.push("main")
    assert len(emitted) == 1


def test_hook_does_not_ask_a_proxy(clone: Clone, emitted: list[dict[str, Any]]) -> None:
    clone.environment |= {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    clone.commit("first", a="1")
    clone.push("main")
    assert len(emitted) == 1


def test_repository_works_inside_somebodys_git_hook(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    path = Path(repositories.create("inside-a-hook"))
    assert (path / "HEAD").read_text() == "ref: refs/heads/main\n"


def test_get_branch_gives_the_tip_and_only_for_the_exact_name(cloud: Cloud, name: str, clone: Clone) -> None:
    commit = clone.commit("first", a="1")
    clone.push("main:feature/x")
    client = cloud.client("codecommit")
    assert client.get_branch(repositoryName=name, branchName="feature/x")["branch"] == {
        "branchName": "feature/x",
        "commitId": commit,
    }
    for missing in ("feature", "main"):
        with pytest.raises(client.exceptions.BranchDoesNotExistException):
            client.get_branch(repositoryName=name, branchName=missing)


def test_unknown_repository_is_refused_by_name(cloud: Cloud, repositories: Repositories) -> None:
    client = cloud.client("codecommit")
    with pytest.raises(client.exceptions.RepositoryDoesNotExistException, match="nothing"):
        client.get_branch(repositoryName="nothing", branchName="main")


def test_get_commit_gives_people_dates_parents_and_the_whole_message(cloud: Cloud, name: str, clone: Clone) -> None:
    clone.environment |= {"GIT_AUTHOR_DATE": "1700000000 +0200", "GIT_COMMITTER_DATE": "1700000001 -0300"}
    parent = clone.commit("first", a="1")
    commit = clone.commit("subject: äöü\n\nbody, line 1\nline 2", a="2")
    clone.push("main")
    told = cloud.client("codecommit").get_commit(repositoryName=name, commitId=commit)["commit"]
    assert told == {
        "commitId": commit,
        "treeId": clone.git("rev-parse", "HEAD^{tree}"),
        "parents": [parent],
        "message": "subject: äöü\n\nbody, line 1\nline 2\n",
        "author": {"name": "Ada", "email": "ada@example.com", "date": "1700000000 +0200"},
        "committer": {"name": "Ada", "email": "ada@example.com", "date": "1700000001 -0300"},
        "additionalData": "",
    }


def test_get_commit_refuses_an_unknown_commit(cloud: Cloud, name: str, clone: Clone) -> None:
    clone.commit("first", a="1")
    clone.push("main")
    client = cloud.client("codecommit")
    with pytest.raises(client.exceptions.CommitIdDoesNotExistException):
        client.get_commit(repositoryName=name, commitId="0" * 40)


def test_archive_is_the_commits_files_without_git(repositories: Repositories, name: str, clone: Clone) -> None:
    first = clone.commit("first", a="1")
    clone.commit("second", a="2", b="3")
    clone.push("main")
    with zipfile.ZipFile(io.BytesIO(repositories.archive(name, first))) as content:
        assert {name: content.read(name) for name in content.namelist()} == {"a": b"1"}


def test_branch_head_of_an_empty_repository_is_refused(repositories: Repositories, name: str) -> None:
    with pytest.raises(AwsError, match="BranchDoesNotExistException"):
        repositories.branch_head(name, "main")
