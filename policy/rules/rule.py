"""One rule: what it says, and the checks that it makes of a graph. Also how a rule becomes a policy of the engine's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pulumi_policy import ReportViolation, StackValidationArgs, StackValidationPolicy

from .graph import Graph, Resource, graph_of


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look of a rule at one resource. `problem` is empty where the resource keeps the rule."""

    resource: Resource
    problem: str


Checks: TypeAlias = Iterator[Check]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule yields one check for each thing that it looked at, so that a rule that looked at nothing can be told."""

    name: str
    says: str
    checks: Callable[[Graph], Checks]


def check(resource: Resource, holds: bool, problem: str) -> Check:
    """Return the check of one resource: `problem` says what is wrong, and how it would be right, unless it `holds`."""
    return Check(resource=resource, problem="" if holds else f"{resource.name}: {problem}")


def policy_of(rule: Rule) -> StackValidationPolicy:
    """Return the rule as the engine's policy. Rules look at more than one resource, hence policies of the stack."""

    def _validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for one in rule.checks(graph_of(args)):
            if one.problem:
                report(one.problem, one.resource.urn)

    return StackValidationPolicy(name=rule.name, description=rule.says, validate=_validate)
