"""Policy documents as statements, and roles with everything that is attached to them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .graph import UNKNOWN, Graph, Resource


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement; every element that may be one value or a list is a tuple. Actions are in lower case."""

    holder: Resource
    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    services: tuple[str, ...]
    """Service principals."""
    everybody: bool
    """Whether the principal is `*`."""
    condition: Mapping[str, Mapping[str, Any]]

    def covers(self, action: str) -> bool:
        """Whether one of its actions matches `action`."""
        return any(fnmatchcase(action.lower(), pattern) for pattern in self.actions)

    def accepted(self, operator: str, key: str) -> tuple[str, ...]:
        """Return the values that the condition accepts for `key`; condition keys have no case."""
        values = {name.lower(): value for name, value in self.condition.get(operator, {}).items()}
        return _texts(values.get(key.lower()))


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role, with the statements of all its policies and the ARNs of managed policies that the stack does not hold."""

    resource: Resource
    trust: tuple[Statement, ...]
    statements: tuple[Statement, ...]
    foreign_policies: tuple[str, ...]

    def grants(self, action: str) -> list[Statement]:
        """Return the statements that allow `action`."""
        return [one for one in self.statements if one.allows and one.covers(action)]

    def forbids(self, action: str) -> bool:
        """Whether a denial without a condition stands against `action` on every resource."""
        return any(
            not one.allows and one.covers(action) and "*" in one.resources and not one.condition
            for one in self.statements
        )

    def may(self, action: str) -> bool:
        """Whether anything allows `action` and no unconditional denial stands against it."""
        return bool(self.grants(action)) and not self.forbids(action)


_DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "aws:iam/policy:Policy": ("policy",),
    "aws:iam/role:Role": ("assumeRolePolicy",),
    "aws:iam/rolePolicy:RolePolicy": ("policy",),
    "aws:kms/key:Key": ("policy",),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy",),
    "aws:sns/topicPolicy:TopicPolicy": ("policy",),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy",),
}
IDENTITY_POLICIES = ("iam/policy:Policy", "iam/rolePolicy:RolePolicy")
RESOURCE_POLICIES = (
    "kms/key:Key",
    "s3/bucketPolicy:BucketPolicy",
    "sns/topicPolicy:TopicPolicy",
    "sqs/queuePolicy:QueuePolicy",
)


def statements_of(holder: Resource) -> Iterator[Statement]:
    """Yield the statements of a resource that holds a policy document; none where the document is not known yet."""
    for prop in _DOCUMENTS.get(holder.type, ()):
        text = holder.props.get(prop)
        if text is None or text is UNKNOWN:
            continue
        document = json.loads(text) if isinstance(text, str) else text
        for raw in _list(document.get("Statement")):
            yield _statement(holder, raw)


def statements_in(graph: Graph, *types: str) -> Iterator[Statement]:
    """Yield the statements of every resource of these types."""
    for holder in graph.of(*types):
        yield from statements_of(holder)


def roles(graph: Graph) -> list[Role]:
    """Return every role of the stack."""
    return [_role(graph, resource) for resource in graph.of("iam/role:Role")]


def roles_used_by(graph: Graph, user: Resource, prop: str) -> list[Role]:
    """Return the roles that this property of `user` was taken from."""
    return [_role(graph, one) for one in graph.used_by(user, prop) if one.type == "aws:iam/role:Role"]


def _role(graph: Graph, resource: Resource) -> Role:
    statements: list[Statement] = []
    foreign: list[str] = []
    for attachment in graph.users_of(resource, "iam/rolePolicyAttachment:RolePolicyAttachment", "role"):
        ours = graph.used_by(attachment, "policyArn")
        statements += [one for policy in ours for one in statements_of(policy)]
        if not ours:
            foreign.append(str(attachment.props.get("policyArn")))
    for inline in graph.users_of(resource, "iam/rolePolicy:RolePolicy", "role"):
        statements += statements_of(inline)
    return Role(
        resource=resource,
        trust=tuple(statements_of(resource)),
        statements=tuple(statements),
        foreign_policies=tuple(foreign),
    )


def names_account(value: str) -> bool:
    """Whether the text is an account's number or holds one."""
    return re.search(r"(?<!\d)\d{12}(?!\d)", value) is not None


def _statement(holder: Resource, raw: Mapping[str, Any]) -> Statement:
    principal = raw.get("Principal")
    services = principal.get("Service") if isinstance(principal, Mapping) else None
    anybody = principal == "*" or (isinstance(principal, Mapping) and "*" in _texts(principal.get("AWS")))
    return Statement(
        holder=holder,
        sid=str(raw.get("Sid", "")),
        allows=raw.get("Effect") == "Allow",
        # "Everything but" is read as everything: nobody can review what it will cover next year.
        actions=("*",) if "NotAction" in raw else tuple(action.lower() for action in _texts(raw.get("Action"))),
        resources=("*",) if "NotResource" in raw else _texts(raw.get("Resource")),
        services=_texts(services),
        everybody=anybody,
        condition=raw.get("Condition") or {},
    )


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in _list(value))
