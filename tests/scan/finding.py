"""What a scanner says, in one form for all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One complaint. `resource` is "<stack>/<address>", the address as Terraform writes it."""

    tool: str
    id: str
    resource: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One tool on one stack: how many checks held, and what is to be said about the others.

    A check is a rule on a resource; for parliament it is a policy document.
    """

    tool: str
    stack: str
    passed: int
    findings: tuple[Finding, ...]
    looked_at: frozenset[str]
    """Addresses of the resources that a check was made of."""


class ScanError(Exception):
    """A scanner did not do its work; the message says how to repair that."""
