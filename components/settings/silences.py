"""What a stack does without a word to anybody: legal, and seldom meant where it matters."""

from collections.abc import Iterator

from components.settings.section import Commands, Problem
from components.settings.stack import Settings


def silences(settings: Settings) -> list[Problem]:
    """Return each choice of this stack by which nobody is told what somebody waits for, with the repairing command."""
    return list(_silences(settings))


def _silences(settings: Settings) -> Iterator[Problem]:
    commands = Commands(stack=settings.stack)
    if settings.approval.asks_person and not settings.approval.approvers:
        yield Problem(
            what="approval.approvers is empty: a version that waits for a person is mailed to nobody",
            repair=commands.set("approval.approvers[0]", "somebody@example.com"),
        )
    if settings.protect_data and not settings.alarms.emails:
        yield Problem(
            what="alarms.emails is empty: what goes wrong in this protected stack is mailed to nobody",
            repair=commands.set("alarms.emails[0]", "on-call@example.com"),
        )
