"""Sum up a rehearsal: who called what, and whether every grant was needed or has its reason."""

import time
from collections.abc import Mapping, Sequence

from rehearsal.account.calls import Call
from rehearsal.account.iam import Policy
from rehearsal.grants import Grant, grants_of, never_used
from rehearsal.report import Act, Proof, Report, RoleUse
from rehearsal.road import Road
from rehearsal.scenario import ALL_ACTS
from rehearsal.unused_grants import reason_for


def summary(road: Road, acts: Sequence[Act], *, started: float) -> Report:
    """Return the report of a rehearsal that began at `started` (of time.monotonic)."""
    policies, calls = road.policies(), road.cloud.journal.calls()
    # Fewer acts leave grants unused that the others need, so nothing is said about them.
    complete = len(acts) == len(ALL_ACTS)
    unused = never_used(policies, calls) if complete else []
    unexplained = [grant for grant in unused if not reason_for(grant)]
    roles = [_role_use(role, attached, calls, unexplained) for role, attached in sorted(policies.items())]
    proofs = [_all_allowed(policies, calls)]
    if complete:
        proofs.append(_all_needed(roles, unused, unexplained))
    return Report(
        acts=acts,
        roles=roles,
        proofs=proofs,
        explained=[f"{g.role}: {g.action} on {g.resource}: {reason_for(g)}" for g in unused if reason_for(g)],
        grants_judged=complete,
        seconds=time.monotonic() - started,
    )


def _role_use(role: str, policies: Sequence[Policy], calls: Sequence[Call], unexplained: Sequence[Grant]) -> RoleUse:
    return RoleUse(
        role=role,
        allowed=sum(call.principal == role and call.allowed for call in calls),
        denied=sum(call.principal == role and not call.allowed for call in calls),
        grants=len(grants_of(role, policies)),
        unused=[f"{grant.sid}: {grant.action} on {grant.resource}" for grant in unexplained if grant.role == role],
    )


def _all_allowed(policies: Mapping[str, Sequence[Policy]], calls: Sequence[Call]) -> Proof:
    asked = sum(call.principal in policies for call in calls)
    denied = [call for call in calls if not call.allowed]
    first = f": {denied[0].principal} {denied[0].check.action} on {denied[0].check.resource}" if denied else ""
    return Proof(
        claim="every call was allowed by the calling role's own policies",
        holds=bool(asked) and not denied,
        detail=f"{asked} questions to IAM, {len(denied)} denied{first}",
    )


def _all_needed(roles: Sequence[RoleUse], unused: Sequence[Grant], unexplained: Sequence[Grant]) -> Proof:
    total = sum(use.grants for use in roles)
    return Proof(
        claim="every grant was needed, or its reason is listed",
        holds=bool(total) and not unexplained,
        detail=f"{total} grants, {len(unused)} not needed, {len(unexplained)} of them unexplained",
    )
