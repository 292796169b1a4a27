"""What a drill is, and what came of one."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rehearsal.drills.stand import Stand
from rehearsal.report import Proof

HELD, NOT_HELD, BROKEN = "yes", "NO", "broken"
"""Whether the gate held; a drill is broken when its fault could not be brought about, which proves nothing."""


class Removal(Protocol):
    """How a guard is taken away, to see that the drill notices."""

    def applied(self, stand: Stand) -> AbstractContextManager[None]:
        """Take the guard away while the block runs. Raises RoadError when it is not where it is said to be."""


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One fault. `play` brings it about and returns what must be true if the gate holds.

    `without_guard` is what must be taken away for the fault to get through: where several guards stand behind each
    other, all of them. `ends_road` says that nothing can be played on the road afterwards.
    """

    name: str
    fault: str
    gate: str
    play: Callable[[Stand], Sequence[Proof]]
    without_guard: Sequence[Removal]
    ends_road: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one drill ended. `guarded` is false where its guard had been taken away before."""

    drill: str
    fault: str
    gate: str
    guarded: bool
    held: str
    detail: str
    proofs: Sequence[Proof]
    seconds: float

    @property
    def as_it_should_be(self) -> bool:
        """Whether a gate that was there held, and the drill noticed one that was not."""
        return self.held == (HELD if self.guarded else NOT_HELD)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {"as_it_should_be": self.as_it_should_be, **asdict(self)}
