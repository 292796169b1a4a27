"""Read the maps of a stack's settings, the endpoint's excepted: keys, defaults, and what does not go together."""

import math
import re
from collections.abc import Mapping

from components.settings import rules
from components.settings.choices import (
    CODECOMMIT,
    CODECONNECTIONS,
    AlarmSettings,
    ApprovalSettings,
    AuditSettings,
    GateSettings,
    SourceSettings,
)
from components.settings.section import Section
from ml import catalogue, contract

NAME_SUFFIX_PATTERN = r"(-[a-z0-9]+)*"
"""A suffix without two hyphens in a row: no stack's name patterns can then reach into another stack."""

APPROVAL_TIMEOUT_MINUTES = (5, 86_400)
"""What CodePipeline accepts as the timeout of a manual approval, in minutes."""

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The retentions that CloudWatch Logs accepts, in days (PutRetentionPolicy)."""

GROUP_NAME = rules.text(r"[A-Za-z0-9]*", "empty, or letters and digits alone: a hyphen begins the suffix")
"""Churn-prod in a stack without a suffix would be the group Churn of a stack with the suffix -prod. Empty stands for
the use case's own group."""

_BRANCH = r"(?!refs/)(?!.*(\.\.|//|/\.|\.lock$))[A-Za-z0-9][\w./+-]{0,254}(?<![/.])"
_EMAIL = rules.text(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s.,;<>]+", "an e-mail address")
_CONNECTION = r"arn:aws:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]{36}"
_REPOSITORY = r"[\w.-]+(/[\w.-]+)+"
_NOBODY: tuple[str, ...] = ()
_TAG_TEXT = r"[\w .:/=+@-]"
_MOST_TAGS = 40
"""AWS allows fifty on most resources; SageMaker and the program put some of their own beside these."""


def name_suffix(root: Section, stack: str) -> str:
    """Read nameSuffix; its default is the stack's name, where that makes part of an AWS name."""
    rule = rules.text(NAME_SUFFIX_PATTERN, "empty, or lower-case words that each follow one hyphen")
    cleaned = "-".join(["", *re.findall(r"[a-z0-9]+", stack.lower())])
    suffix = root.read("nameSuffix", rule, f"-{stack}", example=cleaned)
    if "nameSuffix" not in root and not re.fullmatch(NAME_SUFFIX_PATTERN, suffix):
        root.report(
            f"nameSuffix must be set: the stack's name {stack!r} makes no part of an AWS name",
            root.commands.set("nameSuffix", cleaned),
        )
    return suffix


def tags(section: Section) -> Mapping[str, str]:
    """Read the tags: any key but the program's own and AWS's, at most as long as AWS allows."""
    value = rules.text(f"{_TAG_TEXT}{{0,256}}", "a tag's value: letters, digits, blanks and .:/=+-@_, at most 256")
    found = {key: section.read(key, value, "") for key in section.names()}
    for key in found:
        if not re.fullmatch(f"(?!aws:){_TAG_TEXT}{{1,128}}", key, re.ASCII) or key in ("project", "stack", "use-case"):
            section.report(
                f"{section.path(key)} is not a tag's key, or is one that AWS or this program sets",
                section.commands.rm(section.path(key)),
            )
    if len(found) > _MOST_TAGS:
        section.report(f"tags holds {len(found)} tags, at most {_MOST_TAGS} fit", section.commands.rm("tags"))
    return found


def thresholds(root: Section, use_case: str) -> Mapping[str, float]:
    """Read the limits that a model must keep: of metrics that the use case's task has, each in its metric's range.

    Without any, the use case's own hold. Limits that were left from another use case are refused as a whole.
    """
    known = catalogue.USE_CASES[use_case]
    section = root.section("thresholds")
    if not section:
        return known.thresholds
    judging = catalogue.TASK_METRICS[known.task]
    names = section.names()
    meant_for_others = catalogue.METRICS.keys() - (set(judging) - known.misleading)
    if meant_for_others.issuperset(names):
        own = ", ".join(f"{name} {limit:g}" for name, limit in known.thresholds.items())
        what = (
            f"thresholds name {', '.join(names)} alone, which cannot judge the use case {use_case}; its own are {own}"
        )
        root.report(what, root.commands.rm("thresholds"))
        return known.thresholds
    limits = {}
    for name in judging:
        metric = catalogue.METRICS[name]
        example = known.thresholds.get(name, 0.85 if metric.higher_is_better else 0.2)
        limits[name] = section.read(name, rules.number(metric.low, metric.high), example)
    section.finish(f"metric of {known.task}")
    return {name: limit for name, limit in limits.items() if name in section}


def gate(section: Section) -> GateSettings:
    """Read how metrics are judged."""
    settings = GateSettings(
        basis=section.read("basis", rules.one_of((contract.POINT, contract.BOUND)), contract.POINT),
        confidence=section.read("confidence", rules.number(0.5, 0.999), 0.95),
        champion_margin=section.read(
            "championMargin", rules.null_or(rules.number(0.0, math.inf)), None, example="null"
        ),
    )
    section.finish()
    return settings


def approval(section: Section) -> ApprovalSettings:
    """Read who approves."""
    modes = (contract.AUTOMATED, contract.MANUAL, contract.BOTH)
    settings = ApprovalSettings(
        mode=section.read("mode", rules.one_of(modes), contract.AUTOMATED),
        approvers=section.read("approvers", rules.list_of(_EMAIL), _NOBODY),
        timeout_minutes=section.read("timeoutMinutes", rules.whole(*APPROVAL_TIMEOUT_MINUTES), 10_080),
    )
    section.finish()
    if settings.approvers and not settings.asks_person:
        section.report(
            f"approval.approvers are mailed when a person is asked; mode {settings.mode} asks nobody",
            section.commands.set("approval.mode", contract.BOTH),
        )
    return settings


def source(section: Section) -> SourceSettings:
    """Read where commits come from; the connection's keys belong to its provider alone."""
    provider = section.read("provider", rules.one_of((CODECOMMIT, CODECONNECTIONS)), CODECOMMIT)
    settings = SourceSettings(
        provider=provider,
        branch=section.read("branch", rules.text(_BRANCH, "the short name of a branch"), "main"),
        connection_arn=section.read("connectionArn", rules.text(_CONNECTION, "the ARN of a connection"), ""),
        repository=section.read("repository", rules.text(_REPOSITORY, "owner/name of a repository"), ""),
        reviews=section.read("reviews", rules.whole(0, 5), 0),
    )
    section.finish()
    connected = provider == CODECONNECTIONS
    examples = {"connectionArn": "<ARN of the connection>", "repository": "<owner>/<name>"}
    for key, example in examples.items():
        if connected and key not in section:
            section.report(
                f"source.{key} must be set for provider {provider}", section.commands.set(f"source.{key}", example)
            )
    section.only_with(None if connected else tuple(examples), f"provider {provider} has none")
    section.only_with(("reviews",) if connected else None, "rules for pull requests are the repository's own there")
    return settings


def alarms(section: Section) -> AlarmSettings:
    """Read who is mailed when something is wrong."""
    emails = section.read("emails", rules.list_of(_EMAIL), _NOBODY)
    section.finish()
    return AlarmSettings(emails=emails)


def audit(section: Section) -> AuditSettings:
    """Read what is recorded and for how long."""
    settings = AuditSettings(
        trail=section.read("trail", rules.flag, False),
        retention_days=section.read("retentionDays", rules.whole_of(RETENTION_DAYS), 365),
    )
    section.finish()
    return settings
