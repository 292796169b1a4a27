"""Which grants of the program's roles a rehearsal used, and which it did not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.account.calls import Call
from rehearsal.account.iam import Policy, as_list, evaluate, matches


@dataclass(frozen=True, kw_only=True, order=True)
class Grant:
    """One action that one Allow statement of one role permits on one resource pattern."""

    role: str
    sid: str
    action: str
    resource: str


def grants_of(role: str, policies: Iterable[Policy]) -> list[Grant]:
    """Return every grant in `policies`, a statement with two actions and three resources counting six."""
    return [
        Grant(role=role, sid=statement["Sid"], action=action, resource=resource)
        for policy in policies
        for statement in as_list(policy.document["Statement"])
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def without(policies: Sequence[Policy], grant: Grant) -> list[Policy]:
    """Return `policies` with exactly `grant` taken out: its action is no longer allowed on its resource."""
    return [Policy(name=policy.name, document=_without(policy.document, grant)) for policy in policies]


def _without(document: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    statements: list[dict[str, Any]] = []
    for statement in as_list(document["Statement"]):
        if statement["Effect"] != "Allow" or statement["Sid"] != grant.sid:
            statements.append(statement)
            continue
        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        others = [action for action in actions if action != grant.action]
        elsewhere = [resource for resource in resources if resource != grant.resource]
        if others:
            statements.append({**statement, "Action": others})
        if elsewhere and grant.action in actions:
            statements.append({**statement, "Action": [grant.action], "Resource": elsewhere})
    return {**document, "Statement": statements}


def needed(grant: Grant, policies: Sequence[Policy], calls: Iterable[Call]) -> bool:
    """Whether some allowed call of the grant's role would be refused without it."""
    poorer = without(policies, grant)
    return any(
        not evaluate(poorer, call.check).allowed
        for call in calls
        if call.principal == grant.role and call.allowed and matches(grant.action.lower(), call.check.action.lower())
    )


def never_used(policies: Mapping[str, Sequence[Policy]], calls: Sequence[Call]) -> list[Grant]:
    """Return, sorted, the grants of all roles that no call needed. `policies` maps role names to their policies."""
    return sorted(
        grant
        for role, attached in policies.items()
        for grant in grants_of(role, attached)
        if not needed(grant, attached, calls)
    )
