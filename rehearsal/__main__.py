"""`python -m rehearsal`: walk the whole road once and say what was proven. Exit status 0 when every claim holds."""

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
from rehearsal.console import Console
from rehearsal.folders import remove
from rehearsal.report import Act, Report


def main() -> int:
    """Read the command line, rehearse, show; return the exit status (0 all proven, 1 not, 2 unusable input)."""
    started = time.monotonic()
    options = _parser().parse_args()
    console = Console(started=started)
    # Said before the heavy imports, so that a person sees at once that something happens.
    console.note("rehearsal", f"stack {options.stack}: no AWS account is used, nothing leaves this machine")
    try:
        with _work_directory(options.keep) as work:
            report = _rehearse(options, work=work, console=console, started=started)
    except RoadError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("--stack", default="dev", help="whose Pulumi.<stack>.yaml is rehearsed (default: dev)")
    parser.add_argument(
        "--config",
        metavar="KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a setting for this rehearsal, as in `pulumi config set --path KEY VALUE`; may be repeated",
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="train on this CSV or Parquet file; one push only")
    parser.add_argument("--target", metavar="COLUMN", help="the column of --data to predict")
    parser.add_argument("--once", action="store_true", help="the first push only")
    parser.add_argument(
        "--without",
        metavar="ROLE:ACTION",
        type=_without,
        help="take one action from one role, to see what it is good for",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this new folder and leave it behind")
    return parser


def _setting(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, for example thresholds.accuracy=0.9")
    return key, value


def _without(text: str) -> object:
    from rehearsal.provision.provisioner import RoleAction

    role, separator, action = text.partition(":")
    if not separator or ":" not in action:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE:ACTION, for example CodeBuildTrainRole:s3:PutObject")
    return RoleAction(role=role, action=action)


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
    # This process reads large service models, lives for half a minute and frees next to nothing: looking for garbage
    # took a third of its start, and taking everything apart at the end two seconds.
    gc.disable()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
