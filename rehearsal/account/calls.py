"""The words of one AWS call: who asked what of IAM, what came out, and how an answer or an error looks."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

OPERATOR = "operator"
"""Principal of the person and of the provisioner: recorded, not evaluated."""

Caller: TypeAlias = str
"""Name of the role that calls (usually a RoleSession), or OPERATOR."""


class RoleSession(str):
    """Name of a role that calls, which also knows what its session is called."""

    session: str

    def __new__(cls, role_name: str, session: str) -> "RoleSession":
        """Name the role, as any string would, and keep the session beside it."""
        named = super().__new__(cls, role_name)
        named.session = session
        return named


def caller_arn(account: str, caller: Caller) -> str:
    """Return the ARN under which AWS writes a caller down: a role's session, or the operator as a user."""
    if caller == OPERATOR:
        return f"arn:aws:iam::{account}:user/{OPERATOR}"
    session = caller.session if isinstance(caller, RoleSession) else "unnamed"
    return f"arn:aws:sts::{account}:assumed-role/{caller}/{session}"


Context: TypeAlias = Mapping[str, str | Sequence[str]]
"""Condition keys of one request and their values."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question to IAM: may this action be done on this resource, in this context?"""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One answered question.

    `reason` is "allowed by <policy>/<Sid>", "no statement allows it", "denied by <policy>/<Sid>" or, for the operator,
    "not evaluated".
    `via` is the API operation that raised the question, or the step of a service ("image pull").
    """

    principal: Caller
    check: Check
    allowed: bool
    reason: str
    via: str


class Journal:
    """Every answered question of one rehearsal, in order. Safe to use from any thread."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def record(self, call: Call) -> None:
        """Append one answered question."""
        with self._lock:
            self._calls.append(call)

    def calls(self) -> tuple[Call, ...]:
        """Return everything recorded until now."""
        with self._lock:
            return tuple(self._calls)

    def denied(self) -> tuple[Call, ...]:
        """Return the refused ones."""
        return tuple(call for call in self.calls() if not call.allowed)


class AwsError(Exception):
    """An error that the client sees as AWS would send it: its code, its message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer, for operations whose body is not described by the service model alone."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a service holds after it has assumed a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        """Return the variables by which a subprocess acts with these credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }
