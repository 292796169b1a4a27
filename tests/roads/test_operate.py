"""The operator's commands against a rehearsed stack: two releases, a weak model, a rollback, and the end."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ml import contract, storage
from ml.operate.app import app
from rehearsal.account.inventory import inventory
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import make_plan
from rehearsal.road import Road, open_road
from rehearsal.scenario import BETTER, WEAK, Scene
from tests.silence import Silent

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def before() -> set[str]:
    """What the account held before the first release."""
    return set()


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, before: set[str]) -> Iterator[Road]:
    """Version 1 and 2 were released in turn, version 3 was rejected."""
    with open_road(make_plan("dev"), work=tmp_path_factory.mktemp("operated"), progress=Silent()) as road:
        before |= inventory(road.cloud)
        scene = Scene(road=road, use_case="churn", heading=lambda text: None)
        assert road.follow(road.push("A first model")).status == SUCCEEDED
        scene.change_model(BETTER)
        assert road.follow(road.push("More trees")).status == SUCCEEDED
        scene.change_model(WEAK)
        assert road.follow(road.push("One shallow tree")).status == FAILED
        yield road


@pytest.fixture(scope="module")
def run(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Run:
    outputs = tmp_path_factory.mktemp("outputs") / "outputs.json"
    outputs.write_text(json.dumps(road.outputs))
    operator = road.cloud.operator
    environment = {
        **road.cloud.environment(),
        "AWS_ACCESS_KEY_ID": operator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": operator.secret_access_key,
        "STACK_OUTPUTS": str(outputs),
    }

    def _run(*arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(app, arguments, env=environment, **more)

    return _run


def rows(result: Result, status: int = 0) -> list[dict[str, Any]]:
    assert result.exit_code == status, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return found


def test_history_tells_every_version_its_decision_and_when_it_was_deployed(run: Run) -> None:
    told = rows(run("--json", "history"))
    assert [(row["version"], row["status"], row["champion"]) for row in told] == [
        (3, "Rejected", False),
        (2, "Approved", True),
        (1, "Approved", False),
    ]
    assert [bool(row["deployed"]) for row in told] == [False, True, True]
    assert "is below 0.85" in told[0]["reason"]
    assert told[0]["accuracy"] < 0.85 < told[1]["accuracy"]


def test_a_person_gets_a_table(run: Run) -> None:
    shown = run("history").output
    assert "versions of ChurnPredictionModels" in shown
    assert "Rejected" in shown


def test_status_names_the_failed_execution_and_says_so_by_its_exit_status(run: Run) -> None:
    told = {row["what"]: row for row in rows(run("--json", "status"), status=1)}
    assert told["endpoint"]["state"] == "InService"
    assert told["serves"]["name"] == "version 2"
    assert (told["last execution"]["state"], told["last execution"]["attention"]) == ("Failed", True)
    assert told["dead letters"]["state"] == "0"
    assert "waits for a person" not in told


def test_lineage_leads_from_the_endpoint_to_the_commit(run: Run, road: Road) -> None:
    told = {(row["part"], row["what"]): row["value"] for row in rows(run("--json", "lineage"))}
    package = road.packages()[1]
    assert told["package", "arn"] == package["ModelPackageArn"]
    assert told["source", "commit"] == package["MetadataProperties"]["CommitId"]
    assert told["endpoint", "configuration"] == road.serving_config()
    assert told["endpoint", "model"] == road.serving_config().rpartition("-")[0]
    assert told["archive", "sha256"] in told["archive", "uri"]
    assert told["decision", "by and why"].startswith("Approved: accuracy")
    assert any(part == "deployment" and what.startswith("serves") for part, what in told)
    for same in (package["ModelPackageArn"], road.endpoint):
        assert {(row["part"], row["what"]): row["value"] for row in rows(run("--json", "lineage", same))} == told
    [deployed] = [value for (part, _), value in told.items() if part == "deployment"]
    assert deployed.endswith(told["decision", "by and why"])


def test_lineage_of_an_earlier_version_names_what_served_it(run: Run, road: Road) -> None:
    told = {(row["part"], row["what"]): row["value"] for row in rows(run("--json", "lineage", "1"))}
    config = told["endpoint", "configuration"].removeprefix("served then with ").partition(" ")[0]
    model = road.cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    served = f"served then by {model['ProductionVariants'][0]['ModelName']}"
    assert (told["endpoint", "name"], told["endpoint", "model"]) == ("does not serve this version", served)


def test_a_version_that_does_not_exist_is_one_line_with_the_repair(run: Run) -> None:
    refused = run("lineage", "9")
    assert refused.exit_code == 2
    assert refused.stderr.strip() == (
        "error: ChurnPredictionModels has no version 9; there is 3, 2, 1. See them: python -m ml history"
    )


def test_a_decision_is_never_changed(run: Run) -> None:
    [row] = rows(run("--json", "approve", "3", "--comment", "please"), status=1)
    assert (row["status"], row["decided_now"]) == ("Rejected", False)


def test_invoke_answers_csv_and_json_and_passes_a_refusal_on(run: Run, road: Road) -> None:
    golden = road.golden(road.packages()[1])
    body = json.dumps({"instances": golden["instances"]})
    told = rows(run("--json", "invoke", "-", input=body))
    assert [{name: row[name] for name in ("label", "probability")} for row in told] == golden["predictions"]
    line = ",".join(str(value) for value in golden["instances"][0]) + "\n"
    assert rows(run("--json", "invoke", "--type", "text/csv", "-", input=line))[0]["label"] == told[0]["label"]
    refused = run("invoke", "--type", "text/csv", "-", input="1,2,3\n")
    assert refused.exit_code == 2
    assert "the endpoint refuses the request" in refused.stderr


def test_replay_tells_which_decisions_other_thresholds_would_change(run: Run) -> None:
    same = json.loads(run("--json", "replay").stdout)
    assert same["changed"] == []
    lower = json.loads(run("--json", "replay", "--threshold", "accuracy=0.5").stdout)
    assert lower["changed"] == [3]
    assert [row["would_be"] for row in lower["rows"]] == ["Approved"] * 3
    assert run("replay", "--threshold", "acuracy=1").exit_code == 2


def test_replay_draws_what_it_tells(run: Run, tmp_path: Path) -> None:
    drawn = run("--json", "replay", "--basis", "bound", "--plot", str(tmp_path / "replay.svg"))
    assert [row["version"] for row in rows(drawn)] == [1, 2, 3]
    assert all(f'id="version-{number}"' in (tmp_path / "replay.svg").read_text() for number in (1, 2, 3))


def test_report_fetches_what_the_pipeline_wrote_and_nothing_else(run: Run, road: Road, tmp_path: Path) -> None:
    package, file = road.packages()[1], tmp_path / "report.html"
    registered = package["CustomerMetadataProperties"]
    [row] = rows(run("--json", "report", "2", "--to", str(file)))
    assert row["version"] == 2
    assert storage.sha256(file.read_bytes()) == row["sha256"] == registered[contract.METADATA_REPORT].split("/")[-2]
    assert package["MetadataProperties"]["CommitId"] in file.read_text()
    [row] = rows(run("--json", "report", "--evaluation", "--to", str(tmp_path / "evaluation.json")))
    assert (row["version"], row["sha256"]) == (2, registered[contract.METADATA_EVALUATION_SHA256])

    uri = road.packages()[0]["CustomerMetadataProperties"][contract.METADATA_REPORT]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    road.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
    refused = run("report", "3", "--to", str(tmp_path / "other.html"))
    assert (refused.exit_code, "somebody changed it" in refused.stderr) == (1, True)


def test_cost_names_its_prices_date_and_parts(run: Run) -> None:
    told = json.loads(run("--json", "cost", "--runs", "10").stdout)
    by_part = {row["what"]: row["usd_a_month"] for row in told["rows"]}
    assert by_part["endpoint"] == pytest.approx(0.115 * 730, abs=0.01)
    assert by_part["total"] == pytest.approx(sum(v for k, v in by_part.items() if k != "total"), abs=0.05)
    assert "2026-11" in told["title"]


def faults(result: Result) -> list[str]:
    """What the doctor finds, but for the end of a version's support: that comes of itself one day."""
    told: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    assert {row["check"].partition(" ")[0] for row in told} >= {
        "credentials", "pipeline", "registry", "model", "artifact", "build", "function", "rule", "queue", "alarm",
        "topic", "log", "endpoint", "quota",
    }  # fmt: skip
    return [row["check"] for row in told if row["ok"] is False and "supported until" not in row["found"]]


def test_doctor_finds_a_sound_stack_sound_and_a_rule_that_somebody_switched_off(run: Run, road: Road) -> None:
    assert faults(run("--json", "doctor")) == []
    rule, events = "mle-004-source-push-rule", road.cloud.client("events")
    events.disable_rule(Name=rule)
    ill = run("--json", "doctor")
    events.enable_rule(Name=rule)
    assert (ill.exit_code, faults(ill)) == (1, [f"rule {rule}"])


def test_rollback_returns_to_a_past_version_and_the_ledger_says_so(run: Run, road: Road) -> None:
    refused = run("rollback", "--to", "3")
    assert refused.exit_code == 1
    assert "version 3 is Rejected" in refused.stderr

    released = run("--json", "rollback", "--to", "1")
    [row] = rows(released)
    road.settle()

    told = [json.loads(line)["progress"] for line in released.stderr.splitlines()]
    assert told[0] == f"execution {row['execution']} of {road.outputs['pipeline_name']} begins"
    for action in ("Source/Source", "Build/TrainModel", "Deploy/DeployModel"):
        [ends] = [place for place, line in enumerate(told) if line.startswith(f"{action} ends: Succeeded")]
        assert told.index(f"{action} begins") < ends
    assert row["status"] == "Succeeded"
    assert f"serves with {road.serving_config()}" in row["ledger"]
    told = {each["version"]: each for each in rows(run("--json", "history"))}
    assert (told[1]["champion"], told[2]["champion"]) == (True, False)
    assert len(told[1]["deployed"].split(", ")) == 2
    lineage = rows(run("--json", "lineage"))
    assert sum(each["part"] == "deployment" for each in lineage) == 2


def test_the_stacks_settings_tell_the_same_names_where_pulumi_tells_none(
    run: Run, road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_outputs = rows(run("--json", "history"))
    monkeypatch.setenv("PATH", str(tmp_path))
    told = run("--json", "--stack", "dev", "history")
    assert rows(told) == by_outputs
    assert "not on PATH" in told.stderr
    assert "What follows goes by Pulumi.dev.yaml, as it is now" in told.stderr
    refused = run("--stack", "nowhere", "teardown", "--yes")
    assert refused.exit_code == 2
    assert "there is no Pulumi.nowhere.yaml" in refused.stderr
    assert road.serving_config()


def tagged(road: Road) -> set[str]:
    """What has this stack's tags, of all that the deploy step can make."""
    sagemaker, group = road.cloud.client("sagemaker"), road.outputs["model_package_group"]
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    own = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    filters = [{"Key": key, "Values": [own[key]]} for key in ("project", "stack")]
    types = ["sagemaker:endpoint", "sagemaker:endpoint-config", "sagemaker:model"]
    pages = road.cloud.client("resourcegroupstaggingapi").get_paginator("get_resources")
    found = pages.paginate(TagFilters=filters, ResourceTypeFilters=types)
    return {each["ResourceARN"].split(":", 5)[5] for page in found for each in page["ResourceTagMappingList"]}


def test_orphans_are_what_a_killed_release_left_and_go_on_request(run: Run, road: Road) -> None:
    """The rollback before has made a third configuration, and version 2's is kept as a way back."""
    assert rows(run("--json", "orphans")) == []
    sagemaker, before = road.cloud.client("sagemaker"), tagged(road)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=road.serving_config())
    made = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    tags = sagemaker.list_tags(ResourceArn=made["ModelArn"])["Tags"]
    lost, foreign = f"{road.endpoint}--v9-lost", f"{road.endpoint}--v9-foreign"
    for name, own in ((lost, tags), (foreign, [])):
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=made["ExecutionRoleArn"],
            Containers=[{"ModelPackageName": road.packages()[1]["ModelPackageArn"]}],
            EnableNetworkIsolation=True,
            Tags=own,
        )
    variant = {**config["ProductionVariants"][0], "ModelName": lost}
    sagemaker.create_endpoint_config(EndpointConfigName=f"{lost}-1", ProductionVariants=[variant], Tags=tags)
    told = rows(run("--json", "orphans"), status=1)
    assert {row["name"]: row["removed"] for row in told} == {f"{lost}-1": False, lost: False, foreign: False}

    told = rows(run("--json", "orphans", "--remove", "--yes"), status=1)
    assert {row["name"]: row["removed"] for row in told} == {f"{lost}-1": True, lost: True, foreign: False}
    assert tagged(road) == before
    [row] = rows(run("--json", "orphans", "--remove"), status=1)
    assert (row["name"], row["why"].rpartition("; ")[2]) == (foreign, "it lacks this stack's tags")
    sagemaker.delete_model(ModelName=foreign)


def test_teardown_lists_first_and_leaves_nothing_that_serves(run: Run, road: Road, before: set[str]) -> None:
    listed = rows(run("--json", "teardown"), status=1)
    assert f"endpoint {road.endpoint}" in {row["what"] for row in listed}
    assert road.serving_config()
    assert {each.partition("/")[0] for each in tagged(road)} == {"endpoint", "endpoint-config", "model"}
    rows(run("--json", "teardown", "--yes"))
    assert tagged(road) == set()
    assert rows(run("--json", "teardown")) == []
    assert rows(run("--json", "orphans")) == []
    assert [row["version"] for row in rows(run("--json", "history"))] == [3, 2, 1]
    left = inventory(road.cloud) - before
    assert left == {f"model package {package['ModelPackageArn']}" for package in road.packages()}


def test_outputs_that_lack_something_are_told_with_the_repair(run: Run, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"region": "us-east-1"}')
    refused = run("--outputs", str(tmp_path / "o.json"), "status")
    assert refused.exit_code == 2
    assert "lacks pipeline_name" in refused.stderr
    assert "Run pulumi up" in refused.stderr
    refused = run("--outputs", str(tmp_path / "none.json"), "status")
    assert refused.exit_code == 2
    assert "pulumi stack output --json" in refused.stderr
