"""An execution that is followed: each step is said once, silence lasts a minute, a failure has its cause."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ml.errors import RoadError
from ml.operate.following import Ended, follow

BEGAN = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def action(name: str, status: str, *, minute: int = 0, run: int = 1, **result: Any) -> dict[str, Any]:
    stage, _, action_name = name.partition("/")
    began = BEGAN + timedelta(minutes=minute)
    return {
        "actionExecutionId": f"{name}-{run}",
        "stageName": stage,
        "actionName": action_name,
        "status": status,
        "startTime": began,
        "lastUpdateTime": began + timedelta(seconds=12),
        "output": {"executionResult": result},
    }


def followed(*looks: tuple[float, str, list[dict[str, Any]]], summary: str = "") -> tuple[list[str], Ended]:
    """Follow an execution that is seen as told at each look: seconds waited, its status, its actions."""
    remaining, said = list(looks), []

    def pauses() -> Any:
        yield from (waited for waited, _, _ in looks)

    codepipeline = SimpleNamespace(
        get_pipeline_execution=lambda **_: {"pipelineExecution": {"status": remaining[0][1], "statusSummary": summary}},
        list_action_executions=lambda **_: {"actionExecutionDetails": remaining.pop(0)[2]},
    )
    ended = follow(codepipeline, "pipeline", "e-1", pauses=pauses(), say=said.append)  # type: ignore[arg-type]
    return said, ended


SOURCE, DEPLOYING = action("Source/source", "Succeeded"), action("Deploy/deploy", "InProgress", minute=1)
DEPLOYED = action("Deploy/deploy", "Succeeded", minute=1)


def test_each_action_is_told_once_as_it_begins_and_once_as_it_ends() -> None:
    said, ended = followed(
        (0, "InProgress", []),
        (1, "InProgress", [action("Source/source", "InProgress")]),
        (2, "InProgress", [DEPLOYING, SOURCE]),
        (3, "InProgress", [DEPLOYING, SOURCE]),
        (4, "Succeeded", [DEPLOYED, SOURCE]),
    )
    assert said == [
        "Source/source begins",
        "Source/source ends: Succeeded after 12 s",
        "Deploy/deploy begins",
        "Deploy/deploy ends: Succeeded after 12 s",
    ]
    assert ended == Ended(status="Succeeded", causes=())


def test_an_execution_in_which_nothing_begins_or_ends_is_heard_of_each_minute() -> None:
    said, _ = followed(
        (0, "InProgress", [DEPLOYING]),
        (59, "InProgress", [DEPLOYING]),
        (61, "InProgress", [DEPLOYING]),
        (90, "InProgress", [DEPLOYING]),
        (121, "InProgress", [DEPLOYING]),
        (130, "Succeeded", [DEPLOYED]),
    )
    assert said[1:-1] == [
        "still InProgress after 1 min: Deploy/deploy is InProgress",
        "still InProgress after 2 min: Deploy/deploy is InProgress",
    ]


def test_an_action_that_failed_tells_code_message_summary_and_where_there_is_more() -> None:
    failed = action(
        "Build/train",
        "Failed",
        errorDetails={"code": "JobFailed", "message": "Build terminated\nwith state: FAILED"},
        externalExecutionSummary="exit status 1",
        externalExecutionUrl="https://console/build",
    )
    said, ended = followed((0, "Failed", [failed]))
    cause = "Build/train failed: JobFailed: Build terminated with state: FAILED: exit status 1 (https://console/build)"
    assert ended == Ended(status="Failed", causes=(cause,))
    assert said == ["Build/train begins", cause]


@pytest.mark.parametrize(
    ("actions", "summary", "causes"),
    [
        ([action("Build/train", "Failed")], "", ("Build/train failed: CodePipeline gives no reason",)),
        ([action("Build/train", "Abandoned")], "stopped", ("Build/train was abandoned",)),
        ([SOURCE], "a newer one took its place", ("a newer one took its place",)),
        ([SOURCE], "", ()),
        ([action("Build/train", "Failed"), action("Build/train", "Succeeded", minute=5, run=2)], "", ()),
    ],
    ids=["no reason", "abandoned", "superseded", "nothing known", "retried"],
)
def test_what_is_known_of_another_end_is_told(actions: Any, summary: str, causes: tuple[str, ...]) -> None:
    assert followed((0, "Failed", actions), summary=summary)[1].causes == causes


def test_an_execution_that_does_not_end_in_time_names_what_it_is_at() -> None:
    with pytest.raises(RoadError, match="e-1 of pipeline has not ended after 60 s .Deploy/deploy is InProgress"):
        followed((0, "InProgress", [SOURCE]), (60, "Stopping", [SOURCE, DEPLOYING]))
