"""Rehearsal: the seconds from a push to the first prediction that the endpoint serves, once everything has started.

Each round is a rehearsal of the dev stack in a process of its own. What each action of the pipeline takes is shown
beside the whole; a profile of the train build, which takes most of it, says where its seconds go.
"""

import gc
import json
import tempfile
import time
from pathlib import Path

from benchmarks import figures, imports, process
from benchmarks.bars import Bar
from benchmarks.figures import Figure, Measured

ROUNDS = 5
MOST_SECONDS = 6.0
WHOLE, START, BETWEEN = "push to prediction", "start-up", "between the actions"
PROFILED = ("ml.create_model_package", "ml.deploy_model")


class _Silent:
    def note(self, where: str, what: str) -> None:
        """Show nothing."""


def measure(rounds: int, *, large: bool) -> Measured:
    """Return the whole and its actions. `large` changes nothing here."""
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        found.append(process.python("benchmarks.rehearsal", env={"PYTHONWARNINGS": "ignore"}).said)
        print(f"{found[-1][WHOLE]:8.2f} s", flush=True)
    parts = [Figure(what="rehearsal", side=side, unit="s", rounds=[each[side] for each in found]) for side in found[0]]
    whole = next(part for part in parts if part.side == WHOLE)
    spread = f"[{min(whole.rounds):.3g} .. {max(whole.rounds):.3g}]"
    return Measured(
        figures=parts,
        bars=[Bar(what="seconds from push to served prediction", found=whole.median, most=MOST_SECONDS, spread=spread)],
        notes={"imports": {module: imports.of(f"import {module}") for module in PROFILED}},
    )


def draw(measured: Measured, path: Path) -> None:
    """Draw the whole and each action."""
    with figures.drawing(path) as (area,):
        figures.draw_sides(area, [figure for figure in measured.figures if figure.side != START], WHOLE)


def walked() -> dict[str, float]:
    """Walk the first act of a rehearsal; return the seconds of its start, of each action, and from push to answer."""
    from rehearsal.plan import make_plan
    from rehearsal.road import EXECUTION_TIMEOUT_SECONDS, open_road

    gc.disable()  # as the rehearsal's own command does
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as work,
        open_road(make_plan("dev"), work=Path(work).resolve(), progress=_Silent()) as road,
    ):
        # Containers and interpreters that wait for work are started beside the program: all are to be ready.
        time.sleep(SETTLING)
        started = time.monotonic()
        execution = road.pipelines.wait(road.push("A first model").id, EXECUTION_TIMEOUT_SECONDS)
        golden = road.golden(road.packages()[0])
        answer = road.ask(json.dumps({"instances": golden["instances"][:1]}), "application/json")
        whole = time.monotonic() - started
        if answer["predictions"] != golden["predictions"][:1]:
            raise RuntimeError(f"{execution.status}: the endpoint answers {answer}, not as trained")
        road.settle()
        actions = {f"{run.stage}/{run.name}": run.seconds for run in execution.actions}
    return {START: started - began - SETTLING, WHOLE: whole, **actions, BETWEEN: whole - sum(actions.values())}


SETTLING = 5.0
"""Seconds to wait after the start: more than what the processes that stand by take to import."""


if __name__ == "__main__":
    print(json.dumps(walked()))
