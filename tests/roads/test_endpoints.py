"""The whole road to other endpoints than the default one: a fleet that is updated by a canary, and a serverless one."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ml.stack_file import PROJECT, project_name
from rehearsal.account.calls import Call
from rehearsal.caller import SteadyCaller
from rehearsal.pipeline.codepipeline import Execution
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.plan import Plan, make_plan
from rehearsal.road import Road, open_road
from rehearsal.scenario import BETTER, Scene

DEPLOY_ROLE = "CodeBuildDeployRole"


class Notes:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def note(self, where: str, what: str) -> None:
        self.lines.append((where, what))


def plan_with(endpoint: dict[str, Any]) -> Plan:
    """Stack dev with these choices for its endpoint, and none of its stack file's."""
    plan = make_plan("dev")
    return dataclasses.replace(plan, config={**plan.config, f"{project_name(PROJECT)}:endpoint": json.dumps(endpoint)})


def succeeds(road: Road, execution: Execution) -> None:
    execution = road.follow(execution)
    failed = [f"{run.label}: {run.message}" for run in execution.actions if run.status != SUCCEEDED]
    assert (execution.status, failed) == (SUCCEEDED, [])


def better(road: Road) -> None:
    Scene(road=road, use_case="churn", heading=lambda text: None).change_model(BETTER)


def serves(road: Road, version: int) -> bool:
    """Whether the endpoint gives the answers that were stored with this version."""
    golden = road.golden(next(each for each in road.packages() if each["ModelPackageVersion"] == version))
    answer = road.ask(json.dumps({"instances": golden["instances"]}), "application/json")
    return bool(answer["predictions"] == golden["predictions"])


def used(calls: tuple[Call, ...], role: str) -> set[str]:
    return {call.check.action for call in calls if call.principal == role and call.allowed}


def test_a_fleet_is_updated_by_a_canary_scales_and_returns_to_an_older_version_on_purpose(tmp_path: Path) -> None:
    choices = {"instanceCount": 2, "maxInstanceCount": 4, "traffic": "canary", "bakeSeconds": 600}
    progress = Notes()
    with open_road(plan_with(choices), work=tmp_path, progress=progress) as road:
        succeeds(road, road.push("A first model"))
        request = json.dumps({"instances": road.golden(road.packages()[0])["instances"][:1]})
        better(road)
        with SteadyCaller(lambda: road.ask(request, "application/json")) as client:
            succeeds(road, road.push("More trees"))
        said = [what for where, what in progress.lines if where == road.endpoint]
        described = road.cloud.client("sagemaker").describe_endpoint(EndpointName=road.endpoint)
        scaling = road.cloud.client("application-autoscaling")
        (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]

        assert "50% of the traffic goes to the new instances" in said
        assert (client.calls > 0, client.failures) == (True, [])
        assert serves(road, 2)
        assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
        assert "cloudwatch:DescribeAlarms" in used(road.cloud.journal.calls(), DEPLOY_ROLE)

        succeeds(road, road.release(road.packages()[1]["ModelPackageArn"]))

        assert (serves(road, 1), len(road.packages())) == (True, 2)
        assert road.cloud.journal.denied() == ()


def test_a_serverless_endpoint_is_made_and_updated(tmp_path: Path) -> None:
    choices = {"kind": "serverless", "memoryMb": 3072, "maxConcurrency": 5}
    with open_road(plan_with(choices), work=tmp_path, progress=Notes()) as road:
        succeeds(road, road.push("A first model"))
        better(road)
        succeeds(road, road.push("More trees"))
        described = road.cloud.client("sagemaker").describe_endpoint(EndpointName=road.endpoint)

        assert described["ProductionVariants"][0]["CurrentServerlessConfig"] == {
            "MemorySizeInMB": 3072,
            "MaxConcurrency": 5,
        }
        assert serves(road, 2)
        calls = road.cloud.journal.calls()
        assert not {action for action in used(calls, DEPLOY_ROLE) if action.startswith(("application-", "cloudwatch:"))}
        assert road.cloud.journal.denied() == ()
