"""Every drill, in the order in which they are played on one road."""

from collections.abc import Sequence

from ml.errors import InputError
from rehearsal.drills import decisions, evidence, faults, handover, rollout, tampering
from rehearsal.drills.drill import Drill

ALL = "all"
# What ends the road comes last; sorting keeps the order of the rest.
CATALOGUE: Sequence[Drill] = sorted(
    (
        *evidence.DRILLS,
        *decisions.DRILLS,
        *tampering.DRILLS,
        *handover.DRILLS,
        *rollout.DRILLS,
        *faults.DRILLS,
    ),
    key=lambda drill: drill.ends_road,
)


def chosen(names: Sequence[str]) -> list[Drill]:
    """Return the named drills in the catalogue's order. Raises InputError for a name that is none."""
    if unknown := sorted(set(names) - {drill.name for drill in CATALOGUE} - {ALL}):
        known = ", ".join(drill.name for drill in CATALOGUE)
        raise InputError(f"there is no drill {', '.join(unknown)}. Choose of: {ALL}, {known}")
    return [drill for drill in CATALOGUE if ALL in names or drill.name in names]
