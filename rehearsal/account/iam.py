"""Decide as IAM does whether policies allow a call. Pure: documents and questions in, a decision out.

What this evaluator does not model (an unknown condition operator, a policy variable, a malformed statement) raises
PolicyError: a policy is never read more kindly than AWS would read it. Source: IAM user guide, "Policy evaluation
logic" and "IAM JSON policy elements".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.account.calls import Check, Context
from rehearsal.account.iam_conditions import PolicyError, as_list, conditions_hold, matches

__all__ = [
    "Decision", "Policy", "PolicyError", "as_list", "delegates", "evaluate", "evaluate_for_principal",
    "evaluate_for_service", "evaluate_together", "matches", "trusts",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy: its name, for the record, and its document as parsed JSON."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the policies say. `source` is the deciding statement, "<policy>/<Sid>", or None when none applied."""

    allowed: bool
    source: str | None

    @property
    def reason(self) -> str:
        """Return the decision in words, as the journal keeps it."""
        if self.source is None:
            return "no statement allows it"
        return f"{'allowed' if self.allowed else 'denied'} by {self.source}"


_RESOURCE = ("Resource", "NotResource")
IMPLICIT_DENY = Decision(allowed=False, source=None)


def evaluate(policies: Sequence[Policy], check: Check) -> Decision:
    """Return what identity policies say: an explicit Deny wins, then an Allow, else the call is denied.

    Raises PolicyError for a document that cannot be judged.
    """
    return _decide(_statements(policies, _RESOURCE), check)


def evaluate_for_principal(policies: Sequence[Policy], principal_arn: str, check: Check) -> Decision:
    """Return what resource policies (of a bucket, of a key) say about a call by this role.

    An Allow for the role's whole account is not counted: it only lets the account's own policies decide (`delegates`).
    """
    account = _account_names(principal_arn)
    named = (
        s
        for s in _statements(policies, _RESOURCE)
        if _names(s.body, "AWS", [principal_arn, "*", *(account if s.body["Effect"] == "Deny" else ())])
    )
    return _decide(named, check)


def delegates(policy: Policy, principal_arn: str, check: Check) -> bool:
    """Return whether a resource policy leaves this call to the policies of the role's account."""
    account = _account_names(principal_arn)
    named = (s for s in _statements([policy], _RESOURCE) if _names(s.body, "AWS", account))
    return _decide(named, check).allowed


def evaluate_together(policies: Sequence[Policy], own: Policy | None, principal_arn: str, check: Check) -> Decision:
    """Return what a role's policies and the resource's own, if it has one, say together, within one account."""
    identity = evaluate(policies, check)
    if own is None:
        return identity
    theirs = evaluate_for_principal([own], principal_arn, check)
    if theirs.source and not theirs.allowed:
        return theirs
    if identity.source and not identity.allowed:
        return identity
    # A key, unlike a bucket, must first be opened to the account's IAM by its own policy (KMS developer guide).
    if ":kms:" in check.resource and not theirs.allowed and not delegates(own, principal_arn, check):
        return IMPLICIT_DENY
    return identity if identity.allowed else theirs


def evaluate_for_service(policies: Sequence[Policy], service: str, check: Check) -> Decision:
    """Return what resource policies (of a function, of a queue) say about a call by an AWS service itself."""
    named = (s for s in _statements(policies, _RESOURCE) if _names(s.body, "Service", [service, "*"]))
    return _decide(named, check)


def trusts(trust_document: Mapping[str, Any], service: str, context: Context) -> bool:
    """Return whether a role's trust policy lets `service` (as "codebuild.amazonaws.com") assume it in this context."""
    trust = Policy(name="trust", document=trust_document)
    named = (s for s in _statements([trust], ()) if _names(s.body, "Service", [service, "*"]))
    return _decide(named, Check(action="sts:AssumeRole", resource="", context=context)).allowed


@dataclass(frozen=True, kw_only=True)
class _Statement:
    source: str
    body: Mapping[str, Any]


def _statements(policies: Sequence[Policy], resource_elements: tuple[str, ...]) -> Iterator[_Statement]:
    for policy in policies:
        for number, body in enumerate(as_list(policy.document.get("Statement")), start=1):
            source = f"{policy.name}/{body.get('Sid') or f'statement {number}'}"
            _refuse_malformed(source, body, resource_elements)
            yield _Statement(source=source, body=body)


_KNOWN_ELEMENTS = {
    "Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip


def _refuse_malformed(source: str, body: Mapping[str, Any], resource_elements: tuple[str, ...]) -> None:
    if unknown := set(body) - _KNOWN_ELEMENTS:
        raise PolicyError(f"{source}: element not modelled: {', '.join(sorted(unknown))}")
    if body.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"{source}: Effect must be Allow or Deny, got {body.get('Effect')!r}")
    for pair in (("Action", "NotAction"), resource_elements):
        if pair and sum(element in body for element in pair) != 1:
            raise PolicyError(f"{source}: exactly one of {' and '.join(pair)} is needed")
    texts = (text for element in (*resource_elements, "Condition") for text in _texts(body.get(element)))
    if variable := next((text for text in texts if "${" in text), None):
        raise PolicyError(f"{source}: policy variables are not modelled: {variable}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _decide(statements: Iterable[_Statement], check: Check) -> Decision:
    applying = [s for s in statements if _applies(s, check)]
    for effect in ("Deny", "Allow"):
        for statement in applying:
            if statement.body["Effect"] == effect:
                return Decision(allowed=effect == "Allow", source=statement.source)
    return IMPLICIT_DENY


def _applies(statement: _Statement, check: Check) -> bool:
    body = statement.body
    return (
        _element_matches(body, "Action", lambda pattern: matches(pattern.lower(), check.action.lower()))
        and _element_matches(body, "Resource", lambda pattern: matches(pattern, check.resource))
        and conditions_hold(body.get("Condition", {}), check.context, statement.source)
    )


def _element_matches(body: Mapping[str, Any], element: str, test: Callable[[str], bool]) -> bool:
    """Judge Action or Resource, or its Not form; a statement with neither (a trust policy's resource) matches."""
    if element in body:
        return any(test(pattern) for pattern in as_list(body[element]))
    if f"Not{element}" in body:
        return not any(test(pattern) for pattern in as_list(body[f"Not{element}"]))
    return True


def _names(body: Mapping[str, Any], kind: str, names: Sequence[str]) -> bool:
    """Return whether Principal names one of these; the bare "*" stands for everyone."""
    element = body.get("Principal", {})
    named = ["*"] if element == "*" else as_list(element.get(kind))
    return any(name in named for name in names)


def _account_names(principal_arn: str) -> list[str]:
    account = principal_arn.split(":")[4]
    return [account, f"arn:aws:iam::{account}:root"]
