"""The names that the doctor looks for are those of the program's own resources, all of them, in every mode."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import Recorded

TYPES = {
    "functions": ("aws:lambda/function:Function", "name"),
    "rules": ("aws:cloudwatch/eventRule:EventRule", "name"),
    "log_groups": ("aws:cloudwatch/logGroup:LogGroup", "name"),
    "topics": ("aws:sns/topic:Topic", "name"),
}
CHOICES: list[dict[str, Any]] = [
    {"approval": {"mode": "automated"}},
    {"approval": {"mode": "manual"}, "audit": {"trail": True}},
    {"approval": {"mode": "both"}},
]


@pytest.mark.parametrize("changes", CHOICES, ids=lambda changes: "-".join(changes["approval"].values()))
def test_no_part_is_forgotten_and_none_is_invented(changes: Any, recorded: Callable[..., Recorded]) -> None:
    run = recorded("dev", changes)
    for kind, (resource_type, key) in TYPES.items():
        made = {one.inputs[key] for one in run.resources if one.type == resource_type}
        told = [name.rpartition(":")[2] if kind == "topics" else name for name in run.exports["parts"][kind]]
        assert sorted(told) == sorted(made), kind
