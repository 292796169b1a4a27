"""A repository on a code host: which pushes start a pipeline, and how its source action takes the commit."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.pipeline.code_host import Push
from rehearsal.pipeline.pipeline_records import Execution
from rehearsal.pipeline.pipeline_triggers import starting_connection
from rehearsal.source_tree import WorkingCopy
from tests.rehearsal.pipeline_account import (
    BUCKET,
    CONNECTION,
    WAIT_SECONDS,
    Account,
    build,
    connected,
    declaration,
    trigger,
)


@pytest.fixture
def repository(account: Account, name: str) -> str:
    return f"ada/{name}"


@pytest.fixture
def clone(account: Account, repository: str, tmp_path: Path) -> Iterator[WorkingCopy]:
    url = account.code_host.create(repository)
    copy = WorkingCopy(tmp_path / "clone", clone_url=url, branch="main")
    (copy.directory / "buildspec.yml").write_text("version: 0.2\n")
    yield copy


def declare(account: Account, name: str, repository: str, *, without: str = "", **more: Any) -> None:
    train = build("train", {"C": "#{SourceVariables.CommitId}", "R": "#{SourceVariables.FullRepositoryName}"})
    account.declare(name, [connected(repository)], [train], without=without, more={"triggers": [trigger()], **more})


def of(account: Account, name: str) -> list[Execution]:
    """Wait for every execution of a pipeline."""
    found = [execution for execution in account.executor.executions() if execution.pipeline == name]
    return [account.executor.wait(execution.id, WAIT_SECONDS) for execution in found]


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_a_push_to_the_branch_starts_the_pipeline_with_its_commit(
    account: Account, name: str, repository: str, clone: WorkingCopy
) -> None:
    declare(account, name, repository)
    commit = clone.push("a model\n\nwith a body")
    [execution] = of(account, name)
    assert (execution.status, execution.commit) == ("Succeeded", commit)
    assert account.stored(execution.artifacts["Source"].key) == {"buildspec.yml": b"version: 0.2\n"}
    variables = dict(execution.variables["SourceVariables"])
    assert variables.pop("AuthorDate").endswith("Z")
    assert variables == {
        "CommitId": commit,
        "CommitMessage": "a model\n\nwith a body",
        "FullRepositoryName": repository,
        "BranchName": "main",
        "ConnectionArn": CONNECTION,
    }
    summary = json.loads(execution.actions[0].summary)
    assert summary == {"ProviderType": "GitHub", "CommitMessage": "a model\n\nwith a body\n"}


def test_the_trigger_tells_what_was_pushed(account: Account, name: str, repository: str, clone: WorkingCopy) -> None:
    declare(account, name, repository)
    commit = clone.push("a model")
    [execution] = of(account, name)
    client = account.cloud.client("codepipeline")
    shown = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution.id)["pipelineExecution"]
    assert shown["trigger"] == {"triggerType": "WebhookV2", "triggerDetail": CONNECTION}
    for detail in account.bus.of(execution, "Pipeline"):
        told = detail["execution-trigger"]
        assert (told["commit-id"], told["branch-name"], told["full-repository-name"]) == (commit, "main", repository)
        assert (told["connection-arn"], told["provider-type"]) == (CONNECTION, "GitHub")
        assert told["author-display-name"] == "A data scientist"


@pytest.mark.parametrize(
    ("grant", "on"),
    [("codeconnections:UseConnection", CONNECTION), ("s3:PutObjectAcl", f"arn:aws:s3:::{BUCKET}/")],
)
def test_the_role_must_be_allowed_to_use_the_connection_and_to_set_an_acl_on_what_it_uploads(
    account: Account, name: str, repository: str, clone: WorkingCopy, grant: str, on: str
) -> None:
    declare(account, name, repository, without=grant)
    clone.push("a model")
    [execution] = of(account, name)
    assert (execution.actions[-1].name, execution.actions[-1].error_code) == ("Source", "PermissionError")
    assert f"{grant} on resource: {on}" in execution.actions[-1].message


def test_every_use_of_the_connection_says_what_for(
    account: Account, name: str, repository: str, clone: WorkingCopy
) -> None:
    declare(account, name, repository)
    clone.push("a model")
    of(account, name)
    asked = [call.check for call in account.cloud.journal.calls() if call.principal == name]
    uses = [check.context for check in asked if check.action == "codeconnections:UseConnection"]
    assert [context["codeconnections:ProviderAction"] for context in uses] == [
        "GetBranch",
        "StartUploadArchiveToS3",
        "GetUploadArchiveToS3Status",
    ]
    assert {context["codeconnections:FullRepositoryId"] for context in uses} == {repository}
    assert [context.get("codeconnections:BranchName") for context in uses] == ["main", None, None]


def test_only_branches_that_are_made_or_moved_count_as_pushes(
    account: Account, repository: str, clone: WorkingCopy
) -> None:
    heard: list[Push] = []
    account.code_host.on_push(heard.append)
    commit = clone.push("a model")
    for arguments in ("tag v1", "push -q origin v1", "push -q origin main:old", "push -q -d origin old"):
        subprocess.run(["git", *arguments.split()], cwd=clone.directory, check=True, capture_output=True, timeout=30)
    assert heard == [Push(repository=repository, branch=branch, commit=commit) for branch in ("main", "old")]


def test_a_branch_that_is_gone_fails_at_source(account: Account, name: str, repository: str) -> None:
    declare(account, name, repository)
    execution = account.run(name)
    assert execution.actions[-1].message == f"[GitHub] No Branch [main] found for FullRepositoryName [{repository}]"


# --- which pushes count ----------------------------------------------------------------------------------------------


def pipeline(*triggers: dict[str, Any], **configuration: str) -> dict[str, Any]:
    return {**declaration("p", [connected("ada/models", **configuration)], [build("b")]), "triggers": list(triggers)}


@pytest.mark.parametrize(
    ("declared", "branch", "starts"),
    [
        (pipeline(trigger(includes=["main"])), "main", True),
        (pipeline(trigger(includes=["main"])), "mainly", False),
        (pipeline(trigger(includes=["main"]), DetectChanges="false"), "main", True),
        (pipeline(trigger(includes=["release/*"])), "release/1", True),
        (pipeline(trigger(includes=["release/*"])), "release/1/2", False),
        (pipeline(trigger(includes=["release/**"])), "release/1/2", True),
        (pipeline(trigger(includes=["v?"])), "v1", True),
        (pipeline(trigger(includes=["v?"])), "v12", False),
        (pipeline(trigger(excludes=["wip*"])), "main", True),
        (pipeline(trigger(excludes=["wip*"])), "wip-1", False),
        (pipeline(trigger(includes=["*"], excludes=["wip"])), "wip", False),
        (pipeline(), "main", True),
        (pipeline(), "other", False),
        (pipeline(DetectChanges="false"), "main", False),
    ],
)
def test_a_push_starts_what_the_filters_let_through(declared: dict[str, Any], branch: str, starts: bool) -> None:
    push = Push(repository="ada/models", branch=branch, commit="1")
    assert starting_connection(declared, push) == (CONNECTION if starts else None)


def test_a_push_to_another_repository_starts_nothing() -> None:
    push = Push(repository="ada/other", branch="main", commit="1")
    assert starting_connection(pipeline(trigger(includes=["main"])), push) is None
