"""The whole program as stacks of one account: they share no name, come and go alone, and repeat without harm."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ml.stack_file import PROJECT, project_name, stack_config
from rehearsal.account.cloud import Cloud
from rehearsal.account.inventory import inventory
from rehearsal.provision.maker import TYPES, Maker
from rehearsal.provision.program import run_program
from rehearsal.provision.provisioner import Provisioner
from rehearsal.provision.resource_types import ProvisionError
from rehearsal.services import Services
from tests.silence import Silent

EVERYTHING = {
    "aws:region": "us-east-1",
    "approval": {"mode": "both", "approvers": ["a@b.example"]},
    "alarms": {"emails": ["c@d.example"]},
    "audit": {"trail": True},
    "source": {"reviews": 2},
    "protectData": True,
}
"""A stack with every part that a stack can have."""

LEFT_WITH_DATA = {"alias", "bucket", "key", "model package group", "repository"}
"""What `pulumi destroy --exclude-protected` leaves of a stack whose data is protected."""

SURVIVORS = 45
"""How many resources an interrupted `up` makes, of three times as many."""

COUNTED = {
    "alarm": "aws:cloudwatch/metricAlarm:MetricAlarm",
    "bucket": "aws:s3/bucket:Bucket",
    "dashboard": "aws:cloudwatch/dashboard:Dashboard",
    "function": "aws:lambda/function:Function",
    "log group": "aws:cloudwatch/logGroup:LogGroup",
    "metric filter": "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "policy": "aws:iam/policy:Policy",
    "queue": "aws:sqs/queue:Queue",
    "role": "aws:iam/role:Role",
    "rule": "aws:cloudwatch/eventRule:EventRule",
    "rule target": "aws:cloudwatch/eventTarget:EventTarget",
    "subscription": "aws:sns/topicSubscription:TopicSubscription",
    "topic": "aws:sns/topic:Topic",
    "trail": "aws:cloudtrail/trail:Trail",
}


@dataclass
class Stack:
    """One stack of the project, with its configuration."""

    name: str
    config: Mapping[str, str]
    engine: Provisioner
    added: frozenset[str] = field(default_factory=frozenset)
    """What the account held more after its first `up`."""

    def up(self, **changes: Any) -> dict[str, Any]:
        config = {**self.config, **_texts(changes)}
        return self.engine.provision(
            lambda monitor: run_program(
                PROJECT,
                monitor.mocks,
                project=project_name(PROJECT),
                stack=self.name,
                config=config,
                monitor=monitor,
            )
        )

    def names(self) -> set[tuple[str, str]]:
        """Return type and physical id of everything; a permission's is one of its function's own."""
        return {(made.type, made.id) for made in self.engine.made if not made.type.endswith(":Permission")}

    def of(self, type_name: str) -> list[Any]:
        return [each for each in self.engine.state if each.type == type_name]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    project = project_name(PROJECT)
    return {
        key if ":" in key else f"{project}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


@dataclass
class Shared:
    """An account, and how a stack comes into it."""

    cloud: Cloud
    services: Services

    def stack(self, name: str, config: Mapping[str, str] | None = None) -> Stack:
        engine = Provisioner(self.cloud, self.services.repositories, project=PROJECT)
        return Stack(name, config or stack_config(PROJECT, name), engine)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    cloud = Cloud.start(tmp_path_factory.mktemp("work"), "us-east-1", Silent())
    services = Services(cloud)
    yield Shared(cloud, services)
    services.close()
    cloud.stop()


@pytest.fixture(scope="module")
def three(shared: Shared) -> list[Stack]:
    """The stacks of both stack files, and one with everything, in one account."""
    stacks = [shared.stack("dev"), shared.stack("prod"), shared.stack("third", _texts(EVERYTHING))]
    for stack in stacks:
        before = inventory(shared.cloud)
        stack.up()
        stack.added = inventory(shared.cloud) - before
    return stacks


# --- beside each other -----------------------------------------------------------------------------------------------


def test_no_physical_name_is_shared(three: list[Stack]) -> None:
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert three[one].names() & three[other].names() == set()
        assert three[one].added & three[other].added == frozenset()


def test_every_declared_resource_is_one_of_its_own_in_the_account(shared: Shared, three: list[Stack]) -> None:
    """Half of AWS's operations put: two stacks with one name would overwrite each other without a word."""
    found = Counter(line.rpartition(" ")[0] for line in inventory(shared.cloud))
    declared = {kind: sum(len(stack.of(type_name)) for stack in three) for kind, type_name in COUNTED.items()}
    assert {kind: found[kind] for kind in COUNTED} == declared
    assert all(declared.values())


def test_everything_that_takes_tags_carries_those_of_its_stack(three: list[Stack]) -> None:
    for stack in three:
        tagged = [each for each in stack.engine.state if each.type in TYPES and TYPES[each.type].taggable]
        assert len(tagged) > 30
        assert {each.inputs["tags"]["stack"] for each in tagged} == {stack.name}
        assert {each.inputs["tags"]["project"] for each in tagged} == {"mle-004"}


# --- again -----------------------------------------------------------------------------------------------------------


def test_an_unchanged_program_changes_nothing(shared: Shared, three: list[Stack]) -> None:
    calls, made = len(shared.cloud.journal.calls()), three[2].engine.made
    three[2].up()
    assert (len(shared.cloud.journal.calls()), three[2].engine.made) == (calls, made)


def test_a_threshold_reaches_the_function_that_judges_by_it(shared: Shared, three: list[Stack]) -> None:
    function, client = "mle-004-auto-approve-model", shared.cloud.client("lambda")
    three[0].up(thresholds={"accuracy": "0.91"})
    told = client.get_function(FunctionName=function)["Configuration"]["Environment"]["Variables"]
    assert json.loads(told["THRESHOLDS"]) == {"accuracy": 0.91}
    three[0].up()


def test_a_person_less_to_ask_leaves_nothing_of_the_asking(shared: Shared, three: list[Stack]) -> None:
    stack, bridge = three[2], "function mle-004-approval-bridge-third"
    stack.up(approval={"mode": "automated"})
    stages = shared.cloud.client("codepipeline").get_pipeline(name="mle-004-model-registry-pipeline-third")["pipeline"]
    assert "ManualApproval" not in json.dumps(stages["stages"])
    assert bridge not in inventory(shared.cloud)
    stack.up()
    stages = shared.cloud.client("codepipeline").get_pipeline(name="mle-004-model-registry-pipeline-third")["pipeline"]
    assert "ManualApproval" in json.dumps(stages["stages"])
    assert bridge in inventory(shared.cloud)


# --- and gone --------------------------------------------------------------------------------------------------------


def test_one_stack_goes_and_the_others_keep_everything(shared: Shared, three: list[Stack]) -> None:
    dev, *others = three
    before = inventory(shared.cloud)
    known = list(dev.engine.state)
    dev.engine.destroy()
    assert inventory(shared.cloud) == before - dev.added
    calls = len(shared.cloud.journal.calls())
    for other in others:
        other.up()
    assert len(shared.cloud.journal.calls()) == calls
    for resource in known:
        dev.engine.state.put(resource)
    dev.engine.destroy()  # as after somebody had removed everything by hand
    assert inventory(shared.cloud) == before - dev.added


def test_a_stack_whose_up_died_half_way_is_completed_and_goes(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    before, stack = inventory(shared.cloud), shared.stack("half", _texts({**EVERYTHING, "protectData": False}))
    put, made = Maker.put, iter(range(SURVIVORS))

    def mortal(maker: Maker, *arguments: Any) -> Any:
        if next(made, None) is None:
            raise ProvisionError("the engine was killed")
        return put(maker, *arguments)

    monkeypatch.setattr(Maker, "put", mortal)
    with pytest.raises(ProvisionError, match="the engine was killed"):
        stack.up()
    assert 0 < len(stack.engine.made) <= SURVIVORS
    monkeypatch.undo()
    assert stack.up()["endpoint_name"] == "mle-004-churn-half"
    stack.engine.destroy()
    assert inventory(shared.cloud) == before


def test_protected_data_survives_with_what_guards_it_and_goes_once_it_is_released(
    shared: Shared, three: list[Stack]
) -> None:
    stack, before = three[2], inventory(shared.cloud)
    with pytest.raises(ProvisionError, match="cannot be deleted because it is protected"):
        stack.engine.destroy()
    assert inventory(shared.cloud) == before
    stack.engine.destroy(exclude_protected=True)
    left = {line.rpartition(" ")[0] for line in inventory(shared.cloud) & stack.added}
    assert {"bucket", "key", "model package group", "repository"} <= left <= LEFT_WITH_DATA
    stack.up(protectData=False)
    stack.engine.destroy()
    assert inventory(shared.cloud) & stack.added == frozenset()
