"""The reviewed resource graph is what the program makes."""

import dataclasses
import json
from collections.abc import Callable

import pytest

from tests.harness import ROOT, Recorded
from tests.snapshots.snapshot import LONGEST_LINE, difference, path_of, written

Record = Callable[..., Recorded]
STACKS = sorted(path.stem.removeprefix("Pulumi.") for path in ROOT.glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_makes_what_was_reviewed(stack: str, recorded: Record) -> None:
    known = path_of(stack).read_text(encoding="utf-8")
    told = difference(known, written(recorded(stack)), stack)
    assert not told, told


def test_every_snapshot_is_of_a_stack_file() -> None:
    assert [path.stem for path in sorted(path_of("x").parent.glob("*.json"))] == STACKS


def test_a_difference_is_shown_with_the_command_that_accepts_it(recorded: Record) -> None:
    run = recorded("dev")
    key = run.one("kms/key:Key")
    changed = dataclasses.replace(key, inputs={**key.inputs, "enableKeyRotation": False})
    other = dataclasses.replace(run, resources=tuple(changed if one is key else one for one in run.resources))
    told = difference(written(run), written(other), "dev")
    assert told.startswith(
        "The program makes something else than tests/snapshots/dev.json says. If that is meant: make snap"
    )
    assert [line for line in told.splitlines() if line.startswith("+ ")] == ['+      "enableKeyRotation": false,']


def test_a_long_difference_is_cut() -> None:
    told = difference("", "\n".join(str(number) for number in range(500)), "dev")
    assert len(told.splitlines()) == 82
    assert told.endswith("more lines")


def test_equal_graphs_need_no_words(recorded: Record) -> None:
    assert difference(written(recorded("dev")), written(recorded("dev")), "dev") == ""


def test_resources_are_sorted_and_say_type_parent_options_and_inputs(recorded: Record) -> None:
    entries = json.loads(written(recorded("prod")))
    assert list(entries) == sorted(entries)
    [(urn, bucket)] = [(urn, entry) for urn, entry in entries.items() if urn.endswith("::storage-models-bucket")]
    assert urn.endswith("mle004:components:PrivateBucket$aws:s3/bucket:Bucket::storage-models-bucket")
    assert bucket["type"] == "aws:s3/bucket:Bucket"
    assert bucket["parent"] == "mle004:components:PrivateBucket::storage-models"
    assert bucket["options"]["protect"] is True
    assert bucket["options"]["provider"] == "pulumi:providers:aws::aws"
    assert bucket["inputs"]["forceDestroy"] is False


def test_policies_are_nested_and_numbers_are_whole(recorded: Record) -> None:
    entries = json.loads(written(recorded("dev")))
    [role] = [entry for urn, entry in entries.items() if urn.endswith("::roles-train-role")]
    assert role["inputs"]["assumeRolePolicy"]["Statement"][0]["Principal"] == {"Service": "codebuild.amazonaws.com"}
    [key] = [entry for urn, entry in entries.items() if urn.endswith("::key-key")]
    assert '"deletionWindowInDays": 30,' in json.dumps(key)


def test_no_line_is_longer_than_it_must_be(recorded: Record) -> None:
    lines = written(recorded("dev")).splitlines()
    long = [line for line in lines if len(line) > LONGEST_LINE + 40]
    assert [line for line in long if line.endswith(("}", "},", "]", "],"))] == []
    assert '    "options": {"provider": "pulumi:providers:aws::aws"},' in lines


def test_the_snapshot_is_the_same_on_every_machine(recorded: Record) -> None:
    for stack in STACKS:
        text = written(recorded(stack))
        assert str(ROOT) not in text
        assert '"path": "ml/lambda_auto_approve.py"' in text
