"""Pulumi program: registering 1, 10 and 100 copies of the whole composition, and importing the program.

Registrations go to mocks that answer at once, so what is timed is the program and Pulumi's own runtime. The import
stands beside one of pulumi and of those modules of pulumi_aws that the program's import loads.
Seconds are the processor's, of all threads: other work on the machine hardly changes them. Copies are registered with
Python's collector of garbage and without it: what is registered stays alive, so each of its searches walks through all
that is there by then, for nothing.
"""

import gc
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import figures, process
from benchmarks.bars import Bar, ratio
from benchmarks.figures import Figure, Measured
from benchmarks.functions import peak
from benchmarks.process import ROOT

ROUNDS, REGISTER_ROUNDS = 5, 2
COPIES = {False: (1, 10, 100), True: (1, 10, 30)}
"""With the collector or without it -> how many. With it a hundred copies take many minutes."""

SIDES = {False: "without the collector", True: "with the collector"}
REGISTER, IMPORT = "registering", "importing"
MOST_IMPORT, MOST_SLOWDOWN = 1.3, 1.3
QUIET = {"PYTHONWARNINGS": "ignore"}
PROGRAM = "import runpy\nfor _ in range({copies}):\n    runpy.run_path({program!r}, run_name='__main__')\n"
"""The copies bear the same logical names, which the mocks do not mind and an engine would."""


def measure(rounds: int, *, large: bool) -> Measured:
    """Return both. `large` changes nothing here."""
    loaded = process.python("benchmarks.program", "modules", env=QUIET).said
    sides = {
        "pulumi alone": partial(_imported, "import importlib, pulumi, pulumi_aws", *map(_touch, loaded)),
        "program": partial(_imported, "import pulumi, pulumi_aws, components"),
    }
    for side in sides.values():
        side()  # the first import of all compiles
    imports = figures.take_turns(sides, rounds * 2)
    found = [Figure(what=IMPORT, side=side, unit="s", rounds=values) for side, values in imports.items()]
    bars = [ratio("import, program / pulumi alone", imports["program"], imports["pulumi alone"], MOST_IMPORT)]
    resources: dict[str, int] = {}
    for collecting, counts in COPIES.items():
        copies = {str(count): partial(_registered, count, collecting) for count in counts}
        # A hundred copies take a minute or more.
        registered = figures.take_turns(copies, min(rounds, REGISTER_ROUNDS))
        resources |= {count: said[0]["resources"] for count, said in registered.items()}
        seconds = [_figure(collecting, count, "seconds", "s", said) for count, said in registered.items()]
        found += seconds + [_figure(collecting, count, "megabytes", "MB", said) for count, said in registered.items()]
        what = f"{SIDES[collecting]}: seconds for one more copy, at the end / beginning"
        slowdown = bend(counts, [figure.median for figure in seconds])
        bars.append(Bar(what=what, found=slowdown, most=MOST_SLOWDOWN))
    return Measured(figures=found, bars=bars, notes={"resources": resources, "modules": loaded})


def draw(measured: Measured, path: Path) -> None:
    """Draw the seconds over the copies, and the imports."""
    with figures.drawing(path, areas=2) as (left, right):
        lines = {side: measured.of(f"{REGISTER}, seconds", side) for side in SIDES.values()}
        figures.draw_lines(left, lines, "registering under mocks", "copies of the composition")
        figures.draw_sides(right, [figure for figure in measured.figures if figure.what == IMPORT], "import")


def bend(at: Sequence[float], seconds: Sequence[float]) -> float:
    """Return how much more one more copy takes at the end than at the beginning; 1 is a straight line.

    What a start takes, however many copies follow, is in neither.
    """
    slopes = [(seconds[i + 1] - seconds[i]) / (at[i + 1] - at[i]) for i in range(len(at) - 1)]
    return slopes[-1] / slopes[0]


def _imported(*lines: str) -> float:
    return process.run([sys.executable, "-c", "\n".join(lines)], env=QUIET).processor


def _touch(module: str) -> str:
    # pulumi_aws imports its modules when something of them is asked for.
    return f"hasattr(importlib.import_module({module!r}), 'anything')"


def _registered(copies: int, collecting: bool) -> dict[str, Any]:
    told = ("register", str(copies), str(int(collecting)))
    said: dict[str, Any] = process.python("benchmarks.program", *told, env=QUIET).said
    text = f"{copies:6} copies {said['seconds']:8.2f} s {said['resources']:8} resources, {SIDES[collecting]}"
    print(text, flush=True)
    return said


def _figure(collecting: bool, count: str, key: str, unit: str, said: Sequence[Mapping[str, Any]]) -> Figure:
    rounds = [float(each[key]) for each in said]
    return Figure(what=f"{REGISTER}, {key}", side=SIDES[collecting], unit=unit, rounds=rounds, at=float(count))


def loaded_modules() -> list[str]:
    """Return the modules of pulumi_aws that importing the program loads; one that only waits is of another type."""
    import components  # noqa: F401

    known = {name: module for name, module in sys.modules.items() if name.startswith("pulumi_aws.")}
    return sorted(name for name, module in known.items() if type(module) is ModuleType and name.count(".") == 1)


def register(copies: int, *, collecting: bool) -> dict[str, Any]:
    """Run the program so many times in one stack; return processor seconds and how many resources it registered.

    Without `collecting` this process collects no garbage any more.
    """
    if not collecting:
        gc.disable()
    from ml.stack_file import project_name, stack_config
    from rehearsal.provision.program import PROGRAM_FILE, run_program
    from tests.harness import ProviderMocks

    class Counting(ProviderMocks):
        registered = 0

        def new_resource(self, args: Any) -> Any:
            self.registered += 1
            return super().new_resource(args)

    mocks, config = Counting(), stack_config(ROOT, "dev")
    with tempfile.TemporaryDirectory(prefix="copies-") as folder:
        (Path(folder) / PROGRAM_FILE).write_text(
            PROGRAM.format(copies=copies, program=str(ROOT / PROGRAM_FILE)), "utf-8"
        )
        began = time.process_time()
        run_program(Path(folder), mocks, project=project_name(ROOT), stack="dev", config=config)
        seconds = time.process_time() - began
    return {"seconds": seconds, "resources": mocks.registered, "megabytes": peak.megabytes()}


if __name__ == "__main__":
    register_now = sys.argv[1] == "register"
    print(json.dumps(register(int(sys.argv[2]), collecting=sys.argv[3] == "1") if register_now else loaded_modules()))
