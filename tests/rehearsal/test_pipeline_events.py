"""What CodePipeline tells the bus: pipelines, stages and actions, in the words of its user guide."""

from typing import Any

from rehearsal.pipeline.pipeline_records import Execution
from tests.rehearsal.pipeline_account import BUCKET, REGION, WAIT_SECONDS, Account, approval, build, judge, source


def told(account: Account, execution: Execution, level: str, *keys: str) -> list[tuple[Any, ...]]:
    """Return some fields of each event of a level, in order."""
    return [tuple(detail.get(key) for key in keys) for detail in account.bus.of(execution, level)]


def test_an_execution_tells_of_itself_its_stages_and_its_actions_as_they_start_and_end(
    account: Account, name: str
) -> None:
    account.declare(name, [source()], [build("train"), build("deploy", runOrder=2)])
    execution = account.run(name)
    assert told(account, execution, "Pipeline", "state") == [("STARTED",), ("SUCCEEDED",)]
    assert told(account, execution, "Stage", "stage", "state") == [
        ("S1", "STARTED"),
        ("S1", "SUCCEEDED"),
        ("S2", "STARTED"),
        ("S2", "SUCCEEDED"),
    ]
    assert told(account, execution, "Action", "stage", "action", "state") == [
        ("S1", "Source", "STARTED"),
        ("S1", "Source", "SUCCEEDED"),
        ("S2", "train", "STARTED"),
        ("S2", "train", "SUCCEEDED"),
        ("S2", "deploy", "STARTED"),
        ("S2", "deploy", "SUCCEEDED"),
    ]


def test_events_have_the_documented_fields(account: Account, name: str) -> None:
    account.declare(name, [source()], [build("train")])
    execution = account.run(name)
    sent = [each for each in account.bus.told if each["detail"]["execution-id"] == execution.id]
    assert {(each["source"], *each["resources"]) for each in sent} == {
        ("aws.codepipeline", account.arn("codepipeline", name))
    }
    assert [each["detail-type"].split(maxsplit=2)[2] for each in sent] == ["Execution State Change"] * len(sent)
    common = {"pipeline": name, "execution-id": execution.id, "version": 1.0, "pipeline-execution-attempt": 1.0}
    started = account.bus.of(execution, "Pipeline")[0]
    assert started.pop("start-time").endswith("Z")
    assert started == {
        **common,
        "state": "STARTED",
        "execution-trigger": {
            "trigger-type": "StartPipelineExecution",
            "trigger-detail": f"arn:aws:iam::{account.cloud.account}:user/operator",
        },
    }
    taken, trained = account.bus.of(execution, "Action")[1:3]
    run, place = execution.actions[0], execution.artifacts["Source"]
    artifacts = [{"name": "Source", "s3location": {"bucket": BUCKET, "key": place.key}}]
    assert taken.pop("start-time").endswith("Z")
    assert taken == {
        **common,
        "stage": "S1",
        "action": "Source",
        "action-execution-id": run.id,
        "state": "SUCCEEDED",
        "region": REGION,
        "type": {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"},
        "execution-result": {"external-execution-summary": "first model", "external-execution-id": account.commit},
        "output-artifacts": artifacts,
    }
    assert (trained["state"], trained["input-artifacts"]) == ("STARTED", artifacts)
    assert "execution-result" not in trained


def test_a_failure_tells_the_providers_summary_and_the_code(account: Account, name: str) -> None:
    context = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 1"}
    account.builds.results["train"] = {
        "buildStatus": "FAILED",
        "phases": [{"phaseType": "BUILD", "contexts": [context]}],
    }
    account.declare(name, [source()], [build("train", makes=["Model"])])
    execution = account.run(name)
    failed = account.bus.of(execution, "Action")[-1]
    assert failed["execution-result"] == {
        "external-execution-summary": "Build terminated with state: FAILED",
        "external-execution-id": "train:1",
        "error-code": "JobFailed",
    }
    assert (failed["state"], "output-artifacts" in failed) == ("FAILED", False)
    assert told(account, execution, "Stage", "stage", "state")[-1] == ("S2", "FAILED")
    assert told(account, execution, "Pipeline", "state")[-1] == ("FAILED",)


def test_a_rejection_tells_the_comment_and_a_timeout_names_nobody(account: Account, name: str) -> None:
    account.declare(name, [source()], [approval(timeoutInMinutes=50)])
    rejected_id = account.start(name)
    token = account.token(name)
    assert account.bus.told[-1]["detail"]["state"] == "STARTED"
    account.answer(name, token, "Rejected")
    rejected = account.executor.wait(rejected_id, WAIT_SECONDS)
    assert account.bus.of(rejected, "Action")[-1]["execution-result"] == {
        "external-execution-summary": "seen",
        "external-execution-id": token,
        "error-code": "JobFailed",
    }
    expired = account.run(name)
    result = account.bus.of(expired, "Action")[-1]["execution-result"]
    assert result["external-execution-summary"] == "Nobody approved or rejected within 50 minutes."


def test_a_superseded_execution_tells_so_itself(account: Account, name: str) -> None:
    account.builds.held.add("train")
    account.declare(name, [source()], [build("train")], [judge()])
    inside = account.start(name)
    account.notes.await_line("build train:1 started")
    waiting = account.start(name)
    account.notes.await_line("S1/Source: succeeded", count=2)
    newest = account.start(name)
    superseded = account.executor.wait(waiting, WAIT_SECONDS)
    account.builds.held.clear()
    for each in (inside, newest):
        account.executor.wait(each, WAIT_SECONDS)
    assert told(account, superseded, "Pipeline", "state") == [("STARTED",), ("SUPERSEDED",)]
    assert told(account, superseded, "Stage", "stage", "state") == [("S1", "STARTED"), ("S1", "SUCCEEDED")]
