"""The words after `python -m rehearsal`: the walk without any, or a command as the first one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "python -m rehearsal"
WALK, SERVE, DRILL = "walk", "serve", "drill"
DRILLED_STACK = "dev"
_WALK_TEXT = "Walk the whole road once and say what was proven. Exit status 0 when every claim holds."
_SERVE_TEXT = (
    "Keep the road open until Ctrl-C or SIGTERM: push as often as you like; approve, reject, roll back and ask from"
    " another terminal. Nobody approves by itself."
)
_DRILL_TEXT = (
    "Bring a fault about at a named place of the road, and see that the gate there stops it. Exit status 0 when every"
    " gate held, 1 when one did not."
)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options, with the `command` that they are for. Leaves with status 2 where they cannot be used."""
    if words and words[0] == SERVE:
        return _serve_parser().parse_args(words[1:], argparse.Namespace(command=SERVE))
    if words and words[0] == DRILL:
        return _drill_parser().parse_args(words[1:], argparse.Namespace(command=DRILL, stack=DRILLED_STACK))
    return _walk_parser().parse_args(words, argparse.Namespace(command=WALK))


def _walk_parser() -> argparse.ArgumentParser:
    commands = f"Other commands: {PROGRAM} {SERVE}, {PROGRAM} {DRILL} NAME. Each has --help."
    parser = argparse.ArgumentParser(prog=PROGRAM, description=_WALK_TEXT, epilog=commands)
    _add_stack(parser)
    _add_data(parser)
    parser.add_argument("--once", action="store_true", help="the first push only, as with --data")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    _add_keep(parser)
    return parser


def _serve_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} {SERVE}", description=_SERVE_TEXT)
    _add_stack(parser)
    _add_data(parser)
    _add_keep(parser)
    return parser


def _drill_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} {DRILL}", description=_DRILL_TEXT)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which drills; all of them: all")
    parser.add_argument("--list", action="store_true", help="show every drill, its fault and its gate")
    parser.add_argument(
        "--without-guards",
        action="store_true",
        help="take each drill's guard away first: exit status 0 when every drill notices",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the outcomes as JSON")
    _add_keep(parser)
    return parser


def _add_stack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stack", default="dev", help="whose Pulumi.<stack>.yaml is rehearsed (default: dev)")
    parser.add_argument(
        "--config",
        metavar="KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a setting for this rehearsal, as in `pulumi config set --path KEY VALUE`; may be repeated",
    )
    parser.add_argument(
        "--without",
        metavar="ROLE:ACTION",
        type=_without,
        help="take one action from one role, to see what it is good for",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="FILE", help="train on this CSV or Parquet file")
    parser.add_argument("--target", metavar="COLUMN", help="the column of --data to predict")


def _add_keep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this new folder and leave it behind")


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
