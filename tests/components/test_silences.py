"""Silences: a stack that tells nobody what somebody waits for is warned, with the command after which it is not."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from components.settings import Settings, silences
from ml.stack_file import stack_config
from rehearsal.plan import with_setting
from tests.harness import ROOT, Recorded

Record = Callable[..., Recorded]
APPROVERS, EMAILS = "approval.approvers is empty: ", "alarms.emails is empty: "
NAMED = ["a@example.com"]


def warned(values: dict[str, Any], stack: str = "dev") -> list[str]:
    """Return the settings that are warned of."""
    found = silences(Settings.parse(values, stack=stack, project="mle-004"))
    return [re.split(r"(?<=: )", one.what)[0] for one in found]


@pytest.mark.parametrize(
    ("mode", "approvers", "expected"),
    [
        ("automated", [], []),
        ("manual", [], [APPROVERS]),
        ("both", [], [APPROVERS]),
        ("manual", NAMED, []),
        ("both", NAMED, []),
    ],
)
def test_nobody_to_mail_is_warned_of_where_a_person_is_asked(mode: str, approvers: Any, expected: list[str]) -> None:
    assert warned({"approval": {"mode": mode, "approvers": approvers}}) == expected


@pytest.mark.parametrize(
    ("protect", "emails", "expected"), [(True, [], [EMAILS]), (True, NAMED, []), (False, [], []), (False, NAMED, [])]
)
def test_alarms_for_nobody_are_warned_of_where_the_stack_is_protected(
    protect: bool, emails: Any, expected: list[str]
) -> None:
    assert warned({"protectData": protect, "alarms": {"emails": emails}}) == expected


@pytest.mark.slow
def test_the_program_warns_once_of_each_in_a_preview_too(recorded: Record) -> None:
    for preview in (True, False):
        said = recorded("prod", preview=preview).warnings
        assert len(said) == 2
        assert said[0].startswith(APPROVERS)
        assert said[1].startswith(EMAILS)
        assert recorded("dev", preview=preview).warnings == ()


def test_after_the_commands_of_its_warnings_a_stack_is_warned_no_more(recorded: Record) -> None:
    config = stack_config(ROOT, "prod")
    for warning in recorded("prod").warnings:
        *command, path, value = shlex.split(warning.split("\n")[1])
        assert command == ["pulumi", "config", "set", "--stack", "prod", "--path"]
        config = with_setting(config, path, value)
    values = {key.removeprefix("mle-004:"): value for key, value in config.items()}
    assert warned(values, "prod") == []
