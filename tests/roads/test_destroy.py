"""Taking stacks down after their releases: nothing is left, a neighbour works on, and protected data survives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from rehearsal.account.inventory import inventory
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.plan import Plan, make_plan
from rehearsal.provision.resource_types import ProvisionError
from rehearsal.road import Road, open_road
from tests.silence import Silent

SERVING = {"endpoint", "endpoint configuration", "model"}
EVIDENCE = {"alias", "bucket", "key", "model package", "model package group", "repository"}
"""What a stack with protected data leaves: its record of what was approved, and what is needed to read it."""

SETTINGS = {"aws:region": "us-east-1", "mle-004:protectData": "true"}

Inventory = frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the account held at each step, and what people saw."""

    second: Inventory
    with_release: Inventory
    without_dev: Inventory
    pushed: str
    answers: bool
    refusal: str
    before: Inventory
    refused: Inventory
    kept: Inventory
    objects_before: Mapping[str, int]
    objects_kept: Mapping[str, int]
    released: Inventory


def kinds(things: Inventory) -> set[str]:
    return {line.rpartition(" ")[0] for line in things}


def answers_as_trained(road: Road) -> bool:
    golden = road.golden(road.packages()[0])
    answer = road.ask(json.dumps({"instances": golden["instances"]}), "application/json")
    return bool(answer["predictions"] == golden["predictions"])


def objects(road: Road) -> dict[str, int]:
    """Return how many objects each bucket of the stack holds."""
    s3, buckets = road.cloud.client("s3"), (road.outputs["model_bucket"], road.outputs["artifact_bucket"])
    return {bucket: s3.list_objects_v2(Bucket=bucket)["KeyCount"] for bucket in buckets}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two stacks with a release each: dev is taken down, then the second one, whose data is protected."""
    with open_road(make_plan("dev"), work=tmp_path_factory.mktemp("road"), progress=Silent()) as dev:
        cloud = dev.cloud
        alone = inventory(cloud)
        second = Road(cloud, Plan(stack="second", config=SETTINGS), dev.services)
        beside = inventory(cloud) - alone
        assert dev.follow(dev.push("A first model")).status == SUCCEEDED
        with_release = inventory(cloud)
        dev.stack.destroy()
        without_dev = inventory(cloud)

        pushed = second.follow(second.push("A first model")).status
        answers, before, full = answers_as_trained(second), inventory(cloud), objects(second)
        with pytest.raises(ProvisionError) as refusal:
            second.stack.destroy()
        refused = inventory(cloud)
        second.stack.destroy(exclude_protected=True)
        kept, objects_kept = inventory(cloud), objects(second)
        second.up(Plan(stack="second", config={**SETTINGS, "mle-004:protectData": "false"}))
        second.stack.destroy()
        return Story(
            second=beside,
            with_release=with_release,
            without_dev=without_dev,
            pushed=pushed,
            answers=answers,
            refusal=str(refusal.value),
            before=before,
            refused=refused,
            kept=kept,
            objects_before=full,
            objects_kept=objects_kept,
            released=inventory(cloud),
        )


def test_a_release_makes_what_pulumi_does_not_know(story: Story) -> None:
    assert SERVING | {"model package"} <= kinds(story.with_release)


def test_nothing_of_a_stack_is_left_after_a_plain_destroy(story: Story) -> None:
    assert story.without_dev == story.second


def test_the_neighbour_is_pushed_to_and_serves_as_if_nothing_had_happened(story: Story) -> None:
    assert (story.pushed, story.answers) == (SUCCEEDED, True)


def test_protected_data_makes_destroy_say_so_and_remove_nothing(story: Story) -> None:
    assert "cannot be deleted because it is protected" in story.refusal
    for name in ("registry-group", "key-key", "storage-models-bucket", "source-repository"):
        assert f"::{name}" in story.refusal
    assert story.refused == story.before


def test_without_the_protected_exactly_the_evidence_is_left_and_nothing_serves(story: Story) -> None:
    assert EVIDENCE - {"alias"} <= kinds(story.kept) <= EVIDENCE
    assert story.objects_kept == story.objects_before
    assert all(story.objects_kept.values())


def test_data_that_is_released_goes_with_its_versions(story: Story) -> None:
    assert story.released == frozenset()
