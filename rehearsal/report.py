"""What a rehearsal has to tell: plain records, filled by the scenario, shown by the console or written as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Step:
    """One pipeline action of one push."""

    stage: str
    action: str
    status: str
    seconds: float
    message: str


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One claim about the road, and whether this rehearsal bore it out."""

    claim: str
    holds: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Act:
    """One push and what came of it. `seconds` runs from the push to the end of the pipeline execution."""

    title: str
    commit: str
    status: str
    seconds: float
    steps: Sequence[Step]
    decision: str
    prediction: str
    proofs: Sequence[Proof]


@dataclass(frozen=True, kw_only=True)
class RoleUse:
    """What one role did: calls allowed and denied, and grants that nothing used and no reason explains."""

    role: str
    allowed: int
    denied: int
    grants: int
    unused: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole rehearsal. `seconds` runs from the start of the command.

    Unused grants are judged (`grants_judged`) only where every act was played: fewer acts need fewer grants.
    """

    acts: Sequence[Act]
    roles: Sequence[RoleUse]
    proofs: Sequence[Proof]
    explained: Sequence[str]
    grants_judged: bool
    seconds: float

    @property
    def all_proofs(self) -> list[Proof]:
        """The acts' proofs, then those of the whole rehearsal."""
        return [proof for act in self.acts for proof in act.proofs] + list(self.proofs)

    @property
    def succeeded(self) -> bool:
        """Whether every claim holds. A rehearsal that proved nothing has not succeeded."""
        return bool(self.all_proofs) and all(proof.holds for proof in self.all_proofs)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {"succeeded": self.succeeded, **asdict(self)}
