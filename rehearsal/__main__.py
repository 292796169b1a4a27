"""`python -m rehearsal`: walk the whole road once, or do what the first word says. See `--help`."""

import argparse
import contextlib
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ml.errors import InputError, RoadError
from rehearsal import command_line
from rehearsal.console import Console
from rehearsal.folders import remove
from rehearsal.report import Act, Report


def main() -> int:
    """Read the command line and do what it says; return the exit status (0 all proven, 1 not, 2 unusable input)."""
    started = time.monotonic()
    options = command_line.parse(sys.argv[1:])
    console = Console(started=started)
    if options.command == command_line.DRILL and (options.list or not options.names):
        return _list_drills(console)
    # Said before the heavy imports, so that a person sees at once that something happens.
    console.note("rehearsal", f"stack {options.stack}: no AWS account is used, nothing leaves this machine")
    try:
        with _work_directory(options.keep) as work:
            if options.command == command_line.SERVE:
                return _serve(options, work=work, console=console)
            if options.command == command_line.DRILL:
                return _drill(options, work=work, console=console)
            return _walk(options, work=work, console=console, started=started)
    except RoadError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status


def _walk(options: argparse.Namespace, *, work: Path, console: Console, started: float) -> int:
    # This process then reads large service models, lives for half a minute and frees next to nothing: looking for
    # garbage took a third of its start.
    gc.disable()
    report = _rehearse(options, work=work, console=console, started=started)
    console.show(report)
    if options.json:
        options.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    return 0 if report.succeeded else 1


def _rehearse(options: argparse.Namespace, *, work: Path, console: Console, started: float) -> Report:
    from rehearsal.plan import make_plan
    from rehearsal.road import open_road
    from rehearsal.scenario import ALL_ACTS, Scene
    from rehearsal.summary import summary

    plan = make_plan(options.stack, options.config, data=options.data, target=options.target, without=options.without)
    with open_road(plan, work=work, progress=console) as road:
        console.note("provisioned", f"{len(road.made)} resources of the Pulumi program")
        scene = Scene(road=road, use_case=plan.use_case, heading=console.heading)
        wanted = ALL_ACTS[:1] if options.once or options.data else ALL_ACTS
        acts: list[Act] = []
        for act in wanted:
            acts.append(act(scene))
            if not all(proof.holds for proof in acts[-1].proofs):
                break
        return summary(road, acts, started=started)


def _serve(options: argparse.Namespace, *, work: Path, console: Console) -> int:
    from rehearsal.plan import make_plan
    from rehearsal.serve import serve

    plan = make_plan(options.stack, options.config, data=options.data, target=options.target, without=options.without)
    serve(plan, work=work, console=console)
    return 0


def _list_drills(console: Console) -> int:
    from rehearsal.drills.catalogue import CATALOGUE

    console.show_drills(CATALOGUE)
    return 0


def _drill(options: argparse.Namespace, *, work: Path, console: Console) -> int:
    from rehearsal.drills.catalogue import chosen
    from rehearsal.drills.run import play

    outcomes = play(chosen(options.names), work=work, console=console, guarded=not options.without_guards)
    console.show_outcomes(outcomes)
    if options.json:
        told = [outcome.as_dict() for outcome in outcomes]
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if all(outcome.as_it_should_be for outcome in outcomes) else 1


@contextlib.contextmanager
def _work_directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists():
            raise InputError(f"{keep} exists already. Name a folder that --keep may make.")
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    # Resolved, because macOS hands out a symbolic link and git tells the real path.
    work = Path(tempfile.mkdtemp(prefix="rehearsal-")).resolve()
    try:
        yield work
    finally:
        remove(work)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking everything apart at the end would take two seconds.
    os._exit(status)
