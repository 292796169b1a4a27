"""Who waits and since when, which version is meant, and what a rollback tells."""

import dataclasses
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ml import contract, endpoint, ledger
from ml.errors import InputError
from ml.operate import decide, state, waiting
from ml.operate.state import version_in_question
from ml.registry import parse_model_package_arn
from tests.ml.operated_stack import BUCKET, PACKAGE, aws, pages, stack, version

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


# --- status


def looked_at(monkeypatch: pytest.MonkeyPatch, status: str, package: str = f"{PACKAGE}/2") -> Any:
    """The answer of `status` where only the endpoint can need a person."""
    serving(monkeypatch, package, status)
    account = waiting_account({}, None)
    account.client("codepipeline").list_pipeline_executions = lambda **_: {"pipelineExecutionSummaries": []}
    return state.status(account, stack(alarms=[], queues={}))


@pytest.mark.parametrize("status", [*sorted(endpoint.BROKEN), ""])
def test_an_endpoint_that_is_broken_or_absent_needs_a_person(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    answer = looked_at(monkeypatch, status)
    assert (answer.rows[0]["attention"], answer.exit_status) == (True, 1)


@pytest.mark.parametrize("status", [endpoint.IN_SERVICE, endpoint.DELETING, *sorted(endpoint.CHANGING)])
def test_an_endpoint_that_serves_or_is_changed_on_purpose_needs_nobody(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    answer = looked_at(monkeypatch, status)
    assert (answer.rows[0]["attention"], answer.exit_status) == (False, 0)


def test_a_version_of_another_group_is_told_by_its_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    other = f"{PACKAGE.replace('Churn', 'Old')}/2"
    assert looked_at(monkeypatch, endpoint.IN_SERVICE).rows[1]["name"] == "version 2"
    assert looked_at(monkeypatch, endpoint.IN_SERVICE, other).rows[1]["name"] == other


# --- who waits


def waiting_account(listed: dict[int, timedelta], asked: tuple[int, timedelta] | None) -> Any:
    """Versions that are pending, and the one that the pipeline asks about, each with its age."""
    summaries = [{"ModelPackageVersion": n, "CreationTime": NOW - old} for n, old in listed.items()]
    latest: dict[str, Any] = {}
    actions: list[dict[str, Any]] = []
    if asked is not None:
        latest = {"status": "InProgress", "token": "t", "lastStatusChange": NOW - asked[1]}
        exported = {contract.MODEL_PACKAGE_ARN: f"{PACKAGE}/{asked[0]}"}
        actions = [
            {
                "stageName": contract.BUILD_STAGE,
                "actionName": contract.TRAIN_ACTION,
                "status": "Succeeded",
                "startTime": NOW,
                "output": {"outputVariables": exported},
            }
        ]
    stage = {
        "stageName": contract.APPROVAL_STAGE,
        "latestExecution": {"pipelineExecutionId": "e"},
        "actionStates": [{"actionName": contract.MANUAL_APPROVAL_ACTION, "latestExecution": latest}],
    }
    return aws(
        sagemaker=SimpleNamespace(get_paginator=pages(list_model_packages=[{"ModelPackageSummaryList": summaries}])),
        codepipeline=SimpleNamespace(
            get_pipeline_state=lambda name: {"stageStates": [stage]},
            list_action_executions=lambda **_: {"actionExecutionDetails": actions},
        ),
    )


def test_every_version_that_waits_is_told_with_its_age_and_the_answer() -> None:
    account = waiting_account({4: timedelta(minutes=5), 3: timedelta(days=2, hours=3)}, None)
    told = waiting.rows(account, stack(approval_mode="manual"), NOW)
    assert [(row["name"], row["attention"]) for row in told] == [("version 3", True), ("version 4", True)]
    assert told[0]["state"] == 'for 2 d 3 h: python -m ml approve 3 --comment "why", or reject'
    assert told[1]["waits_seconds"] == 300


def test_where_metrics_decide_only_a_version_that_was_forgotten_needs_a_person() -> None:
    account = waiting_account({3: timedelta(seconds=901), 4: timedelta(seconds=900)}, None)
    told = waiting.rows(account, stack(), NOW)
    assert [(row["what"], row["attention"]) for row in told] == [
        ("waits for a person", True),
        ("waits for the approval function", False),
    ]
    assert told[1]["state"] == "for 15 min"


def test_where_the_pipeline_asks_a_version_waits_since_then_and_only_once() -> None:
    account = waiting_account({4: timedelta(hours=9)}, (4, timedelta(hours=1, minutes=30)))
    [row] = waiting.rows(account, stack(), NOW)
    assert row["state"].startswith("for 1 h 30 min: python -m ml approve 4")


def test_nobody_waits_where_all_is_decided() -> None:
    assert waiting.rows(waiting_account({}, None), stack(), NOW) == []


# --- which version is meant


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, f"{PACKAGE}/2")
    monkeypatch.setattr(state, "one_version", lambda sagemaker, group, number: version(number))


def serving(monkeypatch: pytest.MonkeyPatch, package: str, status: str = endpoint.IN_SERVICE) -> None:
    serves = SimpleNamespace(
        model_package=parse_model_package_arn(package), config_name="c", variant={"ModelName": "the-model"}
    )
    monkeypatch.setattr(state, "serving_now", lambda aws, stack: (status, serves))


@pytest.mark.parametrize(
    ("about", "number"),
    [
        (None, 2),
        ("churn", 2),
        ("arn:aws:sagemaker:us-east-1:123456789012:endpoint/churn", 2),
        ("7", 7),
        (f"{PACKAGE}/5", 5),
        (f"{PACKAGE.replace('Churn', 'churn')}/5", 5),
    ],
)
def test_a_version_is_named_by_number_arn_or_endpoint(versions: None, about: str | None, number: int) -> None:
    assert version_in_question(aws(sagemaker=None), stack(), about).number == number


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ("another-endpoint", "neither a version's number, nor the ARN of one, nor endpoint churn"),
        ("-1", "neither a version's number"),
        ("²", "neither a version's number"),
        (f"{PACKAGE.replace('123456789012', '999999999999')}/5", "in this account and region"),
        (f"{PACKAGE.replace('Churn', 'Fraud')}/5", "is not a version of ChurnPredictionModels"),
        (f"{PACKAGE}/five", "is not the ARN of a model package version"),
    ],
)
def test_what_is_not_of_this_stack_is_refused(versions: None, about: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        version_in_question(aws(sagemaker=None), stack(), about)


def test_a_version_of_another_group_is_not_taken_for_one_of_this_stack(
    versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving(monkeypatch, f"{PACKAGE.replace('Churn', 'Old')}/2")
    with pytest.raises(
        InputError, match="endpoint churn serves .*OldPredictionModels/2, which is not a version of Chu"
    ):
        version_in_question(aws(sagemaker=None), stack(), None)


@pytest.mark.parametrize(("group", "serves"), [("Churn", True), ("churn", True), ("Old", False)])
def test_lineage_says_of_a_version_that_it_serves_only_where_it_is_of_this_group(
    versions: None, monkeypatch: pytest.MonkeyPatch, group: str, serves: bool
) -> None:
    serving(monkeypatch, f"{PACKAGE.replace('Churn', group)}/2")
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: [])
    rows = {row["what"]: row["value"] for row in state.lineage(aws(sagemaker=None, s3=None), stack(), "2").rows}
    assert rows["name"] == ("churn" if serves else "does not serve this version")
    assert rows["configuration"] == ("c" if serves else "")
    assert rows["model"] == ("the-model" if serves else "")


def test_lineage_of_an_earlier_version_names_what_served_it_last(
    versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployment that failed afterwards brought nothing into service; version 2 serves now."""
    recorded = [
        replace(entry(ledger.SERVES), config="churn--v1-aa-11", detail="with churn--v1-aa-11"),
        replace(entry(ledger.SERVES), config="churn--v1-bb-11", time="2026-11-29T08:00:00Z"),
        replace(entry(ledger.FAILED), config="churn--v1-cc-33", detail="rolled back"),
        replace(entry(ledger.SERVES, number=2), config="churn--v2-dd-44", detail="with churn--v2-dd-44"),
    ]
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: recorded)
    rows = {row["what"]: row["value"] for row in state.lineage(aws(sagemaker=None, s3=None), stack(), "1").rows}
    assert rows["name"] == "does not serve this version"
    assert rows["configuration"] == "served then with churn--v1-bb-11 (2026-11-29T08:00:00Z)"
    assert rows["model"] == "served then by churn--v1-bb"


def test_lineage_of_a_version_that_never_came_to_serve_names_nothing_that_did(
    versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: [entry(ledger.FAILED)])
    rows = {row["what"]: row["value"] for row in state.lineage(aws(sagemaker=None, s3=None), stack(), "1").rows}
    assert (rows["configuration"], rows["model"]) == ("", "")


def test_history_goes_through_the_ledger_once_however_many_versions_there_are(
    versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    class Counted(list[ledger.Entry]):
        def __iter__(self) -> Any:
            looks.append(len(self))
            return super().__iter__()

    recorded = Counted(entry(ledger.SERVES, number=number) for number in range(1, 20))
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: recorded)
    monkeypatch.setattr(state, "all_versions", lambda sagemaker, group: [version(n) for n in range(1, 20)])
    rows = state.history(aws(sagemaker=None, s3=None), stack()).rows
    assert [row["deployed"] for row in rows] == ["2026-11-28T12:00:00Z"] * 19
    assert looks == [19]


def test_what_another_groups_version_of_that_number_did_is_not_told_of_this_one(
    versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = entry(ledger.SERVES), entry(ledger.FAILED, package=f"{PACKAGE.replace('Churn', 'Old')}/1")
    respelt = entry(ledger.SERVES, execution="e-2", package=f"{PACKAGE.replace('Churn', 'churn')}/1")
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: [own, other, respelt])
    monkeypatch.setattr(state, "all_versions", lambda sagemaker, group: [version(1)])
    account = aws(sagemaker=None, s3=None)

    told = [row["value"] for row in state.lineage(account, stack(), "1").rows if row["part"] == "deployment"]
    assert [each.partition(":")[0] for each in told] == ["e-1", "e-2"]
    assert state.history(account, stack()).rows[0]["deployed"] == ", ".join([own.time] * 2)


def test_lineage_and_history_name_whoever_approved_in_the_registry_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = version(1)
    editor = {"LastModifiedBy": {"UserProfileName": "ada"}}
    decided = dataclasses.replace(known, description={**known.description, **editor})
    serving(monkeypatch, f"{PACKAGE}/2")
    monkeypatch.setattr(state, "one_version", lambda sagemaker, group, number: decided)
    monkeypatch.setattr(state, "all_versions", lambda sagemaker, group: [decided])
    recorded = dataclasses.replace(entry(ledger.SERVES), decision="", approved_by="ada")
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: [recorded])
    account = aws(sagemaker=None, s3=None)

    rows = {row["what"]: row["value"] for row in state.lineage(account, stack(), "1").rows}
    assert (rows["by and why"], rows["last changed by"]) == ("Approved by ada: no reason given", "ada")
    assert rows[f"serves {recorded.time}"] == "e-1: with c; approved by ada; "
    assert state.history(account, stack()).rows[0]["reason"] == "Approved by ada: no reason given"


# --- rollback


def rolled_back(monkeypatch: pytest.MonkeyPatch, ended: str, *recorded: ledger.Entry) -> Any:
    monkeypatch.setattr(decide, "one_version", lambda sagemaker, group, number: version(number))
    bodies = {ledger.key(entry, n): json.dumps(vars(entry)).encode() for n, entry in enumerate(recorded, 1)}
    listed = [{"Contents": [{"Key": key} for key in bodies]}]
    account = aws(
        sagemaker=None,
        codepipeline=SimpleNamespace(
            start_pipeline_execution=lambda **_: {"pipelineExecutionId": "e-1"},
            get_pipeline_execution=lambda **_: {"pipelineExecution": {"status": ended}},
            list_action_executions=lambda **_: {"actionExecutionDetails": [] if ended == "Succeeded" else [BROKEN]},
        ),
        s3=SimpleNamespace(
            get_paginator=pages(list_objects_v2=listed),
            get_object=lambda Bucket, Key: {"Body": io.BytesIO(bodies[Key])},
        ),
    )
    return decide.rollback(account, stack(), 1, wait=True, say=lambda text: None, pauses=lambda seconds: [0.0])


BROKEN = {
    "actionExecutionId": "a-1",
    "stageName": "Deploy",
    "actionName": "deploy",
    "status": "Failed",
    "startTime": NOW,
    "lastUpdateTime": NOW,
    "output": {"executionResult": {"errorDetails": {"code": "JobFailed", "message": "no instances are left"}}},
}


def entry(event: str, *, execution: str = "e-1", number: int = 1, package: str = "") -> ledger.Entry:
    return ledger.Entry(
        event=event,
        time="2026-11-28T12:00:00Z",
        endpoint="churn",
        model_package_arn=package or f"{PACKAGE}/{number}",
        version=number,
        config="c",
        commit="0",
        execution=execution,
        requested=True,
        decision="Approved: by ada",
        detail="with c",
    )


def test_a_rollback_whose_last_entry_is_a_failure_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    then = dataclasses.replace(entry(ledger.FAILED), time="2026-11-28T12:00:01Z")
    assert rolled_back(monkeypatch, "Failed", entry(ledger.SERVES), then).exit_status == 1


def test_a_rollback_is_done_when_the_ledger_says_that_the_version_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = rolled_back(monkeypatch, "Succeeded", entry(ledger.SERVES), entry(ledger.FAILED, execution="e-0"))
    assert (answer.exit_status, answer.rows[0]["status"]) == (0, "Succeeded")
    assert answer.rows[0]["ledger"] == "2026-11-28T12:00:00Z serves with c"
    assert answer.error == ""


def test_a_rollback_that_nobody_waits_for_is_started_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "one_version", lambda sagemaker, group, number: version(number))
    started: list[dict[str, Any]] = []
    # Any other operation would be an AttributeError.
    account = aws(
        sagemaker=None,
        codepipeline=SimpleNamespace(
            start_pipeline_execution=lambda **asked: started.append(asked) or {"pipelineExecutionId": "e-1"}
        ),
    )
    said: list[str] = []
    answer = decide.rollback(account, stack(), 1, wait=False, say=said.append)
    assert (answer.exit_status, answer.rows[0]["execution"], answer.rows[0]["status"]) == (0, "e-1", "InProgress")
    assert answer.notes == ["Follow it with: python -m ml status"]
    variables = [{"name": contract.PIPELINE_VARIABLE, "value": f"{PACKAGE}/1"}]
    assert started == [{"name": "pipeline", "variables": variables}]
    assert said == []


@pytest.mark.parametrize(
    ("ended", "recorded"),
    [
        ("Failed", [entry(ledger.FAILED)]),
        ("Failed", []),
        ("Succeeded", []),
        ("Succeeded", [entry(ledger.SERVES, execution="e-0")]),
        ("Succeeded", [entry(ledger.SERVES, number=2)]),
    ],
)
def test_without_such_an_entry_it_is_not_done(
    monkeypatch: pytest.MonkeyPatch, ended: str, recorded: list[ledger.Entry]
) -> None:
    answer = rolled_back(monkeypatch, ended, *recorded)
    assert answer.exit_status == 1
    assert f"execution e-1 ended as {ended}, and the ledger does not say that version 1 serves" in answer.error
    assert ("Deploy/deploy failed: JobFailed: no instances are left" in answer.error) is (ended == "Failed")
    if not any(each.execution == "e-1" for each in recorded):
        assert "The ledger knows nothing of it" in answer.notes[0]


def test_the_ledger_is_read_from_the_stacks_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(ledger, "entries", lambda s3, bucket, endpoint: asked.append((bucket, endpoint)) or [])
    rolled_back(monkeypatch, "Failed")
    assert asked == [(BUCKET, "churn")]
