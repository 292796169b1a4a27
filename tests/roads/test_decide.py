"""A person decides at the command line: the pipeline that waits goes on or ends, and the ledger says whose word it was.

The mode in which metrics alone decide has its commands tried in test_operate.py.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ml import contract, ledger
from ml.operate.app import app
from rehearsal.account.cloud import Cloud
from rehearsal.person import Person
from rehearsal.pipeline.codepipeline import ActionRun, Execution
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import Plan, make_plan
from rehearsal.road import Road, open_road
from rehearsal.scenario import Scene
from tests.silence import Silent

WORDS = "I have read the report"
Run = Callable[..., Result]


@dataclass(frozen=True, kw_only=True)
class AtTheCommandLine(Person):
    """Looks at the status, then approves or rejects what waits."""

    run: Run
    waiting: list[dict[str, Any]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def decide(self, cloud: Cloud, execution: Execution, run: ActionRun) -> None:
        """Answer for the version that the status names."""
        told = json.loads(self.run("--json", "status").stdout)["rows"]
        waits = [row for row in told if row["what"] == "waits for a person"]
        self.waiting.extend(waits)
        version = waits[0]["name"].removeprefix("version ")
        word = "approve" if self.approves else "reject"
        self.codes.append(self.run(word, version, "--comment", WORDS).exit_code)


def mode(name: str) -> Plan:
    return make_plan("dev", [("approval.mode", name), ("approval.approvers[0]", "ada@example.com")])


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(mode(contract.MANUAL), work=tmp_path_factory.mktemp("decided"), progress=Silent()) as road:
        yield road


@pytest.fixture(scope="module")
def run(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Run:
    outputs, operator = tmp_path_factory.mktemp("outputs") / "outputs.json", road.cloud.operator
    environment = {
        **road.cloud.environment(),
        "AWS_ACCESS_KEY_ID": operator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": operator.secret_access_key,
        "STACK_OUTPUTS": str(outputs),
    }

    def _run(*arguments: str) -> Result:
        outputs.write_text(json.dumps(road.outputs))
        return CliRunner().invoke(app, arguments, env=environment)

    return _run


def pushed(road: Road, person: Person, trees: int) -> tuple[str, dict[str, Any]]:
    """Push a model; return how its execution ended, and its version."""
    scene = Scene(road=road, use_case="churn", heading=lambda text: None)
    scene.change_model(f'"n_estimators": {trees}')
    return road.follow(road.push(f"{trees} trees"), person=person).status, road.packages()[0]


def test_the_pipeline_follows_what_a_person_says_at_the_command_line(road: Road, run: Run) -> None:
    me = road.cloud.client("sts").get_caller_identity()["Arn"]
    approver, rejecter = AtTheCommandLine(run=run), AtTheCommandLine(run=run, approves=False)

    status, first = pushed(road, approver, 30)
    assert (status, first["ModelApprovalStatus"]) == (SUCCEEDED, contract.APPROVED)
    assert first["ApprovalDescription"] == f"Approved by {me}: {WORDS}"
    [waited] = approver.waiting
    assert (waited["name"], waited["attention"]) == ("version 1", True)
    assert 'python -m ml approve 1 --comment "why", or reject' in waited["state"]

    status, second = pushed(road, rejecter, 31)
    assert (status, second["ModelApprovalStatus"]) == (FAILED, contract.REJECTED)
    assert second["ApprovalDescription"] == f"Rejected by {me}: {WORDS}"

    road.up(mode(contract.BOTH))
    status, third = pushed(road, approver, 32)
    assert (status, third["ModelApprovalStatus"]) == (SUCCEEDED, contract.APPROVED)
    assert third["ApprovalDescription"].startswith(f"Approved by {me}: {WORDS}")

    assert approver.codes + rejecter.codes == [0, 0, 0]
    entries = ledger.entries(road.cloud.client("s3"), road.outputs["model_bucket"], road.endpoint)
    assert [(entry.version, entry.decision) for entry in entries] == [
        (1, first["ApprovalDescription"]),
        (3, third["ApprovalDescription"]),
    ]
    # The emulator's STS and its registry have two names for the operator: the second follows in brackets.
    assert all(entry.approved_by.startswith(me) for entry in entries)
    assert road.cloud.journal.denied() == ()
