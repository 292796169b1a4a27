"""Play drills one after the other on one road, with their guards or with these taken away."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from ml.errors import RoadError
from rehearsal.account.cloud import Progress
from rehearsal.command_line import DRILLED_STACK
from rehearsal.console import Console
from rehearsal.drills.drill import BROKEN, HELD, NOT_HELD, Drill, Outcome
from rehearsal.drills.stand import Stand
from rehearsal.plan import make_plan
from rehearsal.report import Proof
from rehearsal.road import open_road

SETTINGS = (
    ("useCase", "churn"),
    ("thresholds", '{"accuracy": "0.85"}'),
    ("gate", "{}"),
    ("approval", '{"mode": "automated"}'),
    ("training", "{}"),
    ("endpoint", '{"bakeSeconds": "300"}'),
)
"""What the drills are written for, whatever the stack file says: metrics decide, and alarms watch an update."""


@contextlib.contextmanager
def open_stand(*, work: Path, progress: Progress) -> Iterator[Stand]:
    """Provision a road, put a sound version in service, and take everything down afterwards."""
    plan = make_plan(DRILLED_STACK, SETTINGS)
    with open_road(plan, work=work, progress=progress) as road:
        stand = Stand(road, plan.use_case)
        stand.begin()
        yield stand


def play(drills: Sequence[Drill], *, work: Path, console: Console, guarded: bool) -> list[Outcome]:
    """Play the drills on one road, telling of each, and return how they ended."""
    with open_stand(work=work, progress=console) as stand:
        outcomes = []
        for drill in drills:
            console.heading(drill.name if guarded else f"{drill.name}, without its guard")
            console.note(drill.name, drill.fault)
            outcomes.append(run(drill, stand, guarded=guarded))
            console.note(drill.name, f"{outcomes[-1].held}: {outcomes[-1].detail}")
        return outcomes


def run(drill: Drill, stand: Stand, *, guarded: bool = True) -> Outcome:
    """Play one drill. Where the stand is lost or the fault cannot be brought about, it is broken."""
    begun = time.monotonic()
    proofs: Sequence[Proof] = ()
    try:
        stand.ready()
        with contextlib.ExitStack() as removed:
            for removal in () if guarded else drill.without_guard:
                removed.enter_context(removal.applied(stand))
            proofs = drill.play(stand)
        held, detail = _judged(proofs)
    except (RoadError, ClientError) as error:
        held, detail = BROKEN, str(error)
    return Outcome(
        drill=drill.name,
        fault=drill.fault,
        gate=drill.gate,
        guarded=guarded,
        held=held,
        detail=detail,
        proofs=proofs,
        seconds=time.monotonic() - begun,
    )


def _judged(proofs: Sequence[Proof]) -> tuple[str, str]:
    """Return whether the gate held, and the proof that says so best. Raises RoadError without any proof."""
    if not proofs:
        raise RoadError("the drill has proven nothing")
    failed = [proof for proof in proofs if not proof.holds]
    shown = failed[0] if failed else proofs[0]
    return NOT_HELD if failed else HELD, f"{shown.claim}: {shown.detail}"
