"""A pipeline's own variables: declared with a default, given at a start, resolved in actions, shown afterwards."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.pipeline_account import WAIT_SECONDS, Account, build, source

RELEASE = {"variables": [{"name": "RELEASE", "defaultValue": "none"}]}


def declare(account: Account, name: str, **more: Any) -> None:
    account.declare(name, [source()], [build("train", {"RELEASE": "#{variables.RELEASE}"})], more={**RELEASE, **more})


@pytest.mark.parametrize(("given", "value"), [({}, "none"), ({"RELEASE": "arn:7"}, "arn:7")], ids=["default", "given"])
def test_a_variable_reaches_the_action_that_asks_for_it(
    account: Account, name: str, given: dict[str, str], value: str
) -> None:
    declare(account, name)
    execution = account.run(name, **given)
    assert account.builds.started[0]["environmentVariablesOverride"][0]["value"] == value
    client = account.cloud.client("codepipeline")
    shown = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution.id)["pipelineExecution"]
    assert shown["variables"] == [{"name": "RELEASE", "resolvedValue": value}]


@pytest.mark.parametrize(
    ("variables", "declared", "text"),
    [
        ([{"name": "RELASE", "value": "x"}], {}, "declares no variable RELASE"),
        ([{"name": "RELEASE", "value": "x"}, {"name": "RELEASE", "value": "y"}], {}, "RELEASE is given more than once"),
        ([], {"variables": [{"name": "RELEASE"}]}, "need a value: RELEASE"),
    ],
    ids=["undeclared", "given twice", "without a default"],
)
def test_a_start_is_refused_with_a_variable_that_is(
    account: Account, name: str, variables: list[dict[str, str]], declared: dict[str, Any], text: str
) -> None:
    declare(account, name, **declared)
    before = account.executor.executions()
    given = {"variables": variables} if variables else {}
    with pytest.raises(ClientError, match=text) as refusal:
        account.cloud.client("codepipeline").start_pipeline_execution(name=name, **given)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert account.executor.executions() == before


def test_the_same_request_sent_again_starts_nothing_new(account: Account, name: str) -> None:
    declare(account, name)
    client = account.cloud.client("codepipeline")
    starts = [client.start_pipeline_execution(name=name, clientRequestToken="once") for _ in range(2)]
    assert len({each["pipelineExecutionId"] for each in starts}) == 1
    account.executor.wait(starts[0]["pipelineExecutionId"], WAIT_SECONDS)


def test_a_start_from_another_revision_is_refused(account: Account, name: str) -> None:
    declare(account, name)
    revision = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": account.commit}
    with pytest.raises(ClientError, match="not emulated: StartPipelineExecution with sourceRevisions"):
        account.cloud.client("codepipeline").start_pipeline_execution(name=name, sourceRevisions=[revision])
