"""A road whose repository is outside AWS: a connection and a trigger of the pipeline instead of a rule and its role."""

import json
from collections.abc import Iterator

import pytest

from rehearsal.grants import Grant, never_used
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.plan import make_plan
from rehearsal.road import Road, open_road
from rehearsal.unused_grants import REASONS, reason_for
from tests.silence import Silent

REPOSITORY = "ada/models"
CONNECTION = "arn:aws:codeconnections:us-east-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    source = {"provider": "codeconnections", "connectionArn": CONNECTION, "repository": REPOSITORY}
    plan = make_plan("dev", [("source", json.dumps(source))])
    with open_road(plan, work=tmp_path_factory.mktemp("connected"), progress=Silent()) as road:
        yield road


def _fetches(grant: Grant) -> bool:
    """Whether the grant is one that differs from a road with CodeCommit; the others are judged there."""
    return grant.sid == "FetchCommit"


def test_a_push_to_the_connected_repository_goes_live(connected: Road) -> None:
    execution = connected.follow(connected.push("A first model"))

    assert execution.status == SUCCEEDED, execution.actions[-1].message
    assert execution.trigger.detail == CONNECTION
    assert connected.packages()[0]["MetadataProperties"]["Repository"] == REPOSITORY
    assert connected.cloud.journal.denied() == ()

    unused = [grant for grant in never_used(connected.policies(), connected.cloud.journal.calls()) if _fetches(grant)]
    assert [grant for grant in unused if not reason_for(grant)] == []
    special = [reason for reason in REASONS if reason.only_with.startswith("source.provider")]
    assert [reason.text for reason in special if not any(reason.covers(grant) for grant in unused)] == []


def test_a_push_to_another_branch_starts_nothing(connected: Road) -> None:
    before = connected.pipelines.executions()
    (connected.developer.directory / "NOTE").write_text("not for the road")
    connected.developer.branch = "HEAD:refs/heads/experiment"
    connected.developer.push("An experiment")
    connected.settle()

    assert connected.pipelines.executions() == before


def test_the_program_makes_no_repository_no_rule_for_pushes_and_no_role_for_one(connected: Road) -> None:
    assert [made.name for made in connected.made if "codecommit" in made.type] == []
    assert "EventBridge-MLE-004-Role" not in connected.policies()
