"""Which stack a command is about: the program's outputs, as Pulumi, a file or the stack's own settings tell them.

Outputs end with the stack. What its Deploy stage made may not, so the names are to be had for as long as the stack has
a file of settings.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from ml import stack_file
from ml.errors import InputError
from ml.gate import one_line

MOST_SECONDS = 120
"""For Pulumi, or the program, to answer."""
_LONGEST_CAUSE = 300


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The outputs that the commands need, under the names that the program exports."""

    region: str
    pipeline_name: str
    model_package_group: str
    endpoint_name: str
    model_bucket: str
    artifact_bucket: str
    branch: str
    approval_mode: str
    alarms_topic: str
    thresholds: Mapping[str, float]
    gate: Mapping[str, Any]
    """basis, confidence and championMargin: what ml.gate.Rule reads."""
    endpoint: Mapping[str, Any]
    training: Mapping[str, Any]
    queues: Mapping[str, str]
    """What fills each dead-letter queue -> the queue's name."""
    alarms: tuple[str, ...]
    build_projects: tuple[str, ...]
    parts: Mapping[str, list[str]]
    """Names of functions, rules, log_groups and topics; the latter by ARN."""
    stack_name: str = ""
    """Pulumi's own name for it, without organization and project; empty in outputs of an older program."""

    @property
    def account(self) -> str:
        """The AWS account that it is in."""
        return self.alarms_topic.split(":")[4]

    @classmethod
    def of(cls, outputs: Mapping[str, Any], source: str) -> "Stack":
        """Return the typed outputs. Raises InputError that names every output that is absent."""
        needed = [field.name for field in fields(cls) if field.default is MISSING]
        if absent := [name for name in needed if name not in outputs]:
            raise InputError(
                f"{source} lacks {', '.join(absent)}. Run pulumi up with this version of the program, then retry"
            )
        values = {field.name: outputs[field.name] for field in fields(cls) if field.name in outputs}
        values["alarms"], values["build_projects"] = tuple(values["alarms"]), tuple(values["build_projects"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A stack and how it was found. `stack` is None where nobody tells; `problem` says why Pulumi does not."""

    stack: Stack | None
    source: str
    """The file or the command that told; empty where none did."""
    problem: str = ""

    def known(self) -> Stack:
        """Return the stack. Raises InputError without one."""
        if self.stack is None:
            raise InputError(self.problem)
        return self.stack


def find(name: str | None, outputs: Path | None, profile: str | None) -> Found:
    """Find the stack of an outputs file, or the one called `name` (None: the selected one).

    Where Pulumi does not tell the outputs, they are those that the stack's file gives in the account of `profile`.
    Raises InputError for outputs that are not of the stack `name`.
    """
    try:
        if outputs is None:
            told = from_pulumi(name)
            return told if told.stack is not None else _from_config(name or _selected(), told.problem, profile)
        found = Found(stack=from_file(outputs), source=str(outputs))
    except InputError as error:
        return Found(stack=None, source="", problem=str(error))
    of = found.known().stack_name
    if name is not None and of != _short(name):
        said = f"of stack {of}" if of else "of a stack that it does not name"
        raise InputError(f"--outputs {outputs} is {said}, and --stack says {name}. Give one of the two")
    return found


def from_file(path: Path) -> Stack:
    """Return the stack whose outputs are in a JSON file. Raises InputError for any other file."""
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} holds no outputs: {error}. Write them: pulumi stack output --json > {path}"
        ) from error
    if not isinstance(outputs, dict):
        raise InputError(f"{path} holds no outputs. Write them: pulumi stack output --json > {path}")
    return Stack.of(outputs, str(path))


def from_pulumi(name: str | None) -> Found:
    """Return the stack called `name`, or the selected one, as the Pulumi CLI tells it; without it, why.

    Raises InputError for the outputs of another version of the program.
    """
    command = ["stack", "output", "--json", *(["--stack", name] if name else [])]
    shown = " ".join(["pulumi", *command])
    done = _pulumi(command)
    if isinstance(done, str):
        return Found(stack=None, source="", problem=done)
    try:
        outputs = json.loads(done.stdout)
    except ValueError:
        return Found(stack=None, source="", problem=f"{shown} printed no JSON. Run it by hand and see why")
    if not outputs:
        why = f"{shown}: there are none, as before pulumi up and after pulumi destroy"
        return Found(stack=None, source="", problem=why)
    return Found(stack=Stack.of(outputs, shown), source=shown)


def _pulumi(command: list[str]) -> subprocess.CompletedProcess[str] | str:
    """Run the Pulumi CLI in the project's folder; return what came of it, or why nothing did."""
    shown = " ".join(["pulumi", *command])
    try:
        done = _run(["pulumi", *command])
    except FileNotFoundError:
        return "the pulumi command is not on PATH. Install it (pulumi.com/docs/install), or name a file with --outputs"
    except subprocess.TimeoutExpired:
        return f"{shown} took more than {MOST_SECONDS} s. Run it by hand and see why"
    if done.returncode != 0:
        return f"{shown}: {one_line(done.stderr.strip()[-_LONGEST_CAUSE:], _LONGEST_CAUSE)}"
    return done


def _selected() -> str | None:
    """Return the name of the selected stack, None where there is none or Pulumi does not tell."""
    done = _pulumi(["stack", "--show-name"])
    return None if isinstance(done, str) else done.stdout.strip() or None


def _from_config(name: str | None, problem: str, profile: str | None) -> Found:
    """Return the stack as its file gives it. The program tells, in a process of its own, as Pulumi's engine has it."""
    if name is None:
        return Found(stack=None, source="", problem=f"{problem}. Or name the stack with --stack: its file tells too")
    file = stack_file.file_name(name)
    if not (stack_file.PROJECT / file).is_file():
        why = f"there is no {file} that would tell its names. Name another --stack, or a file with --outputs"
        return Found(stack=None, source="", problem=f"{problem}. And {why}")
    command = [sys.executable, "-m", "components", "--stack", name, *(["--profile", profile] if profile else [])]
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        return Found(stack=None, source="", problem=f"{problem}. And {file} could not be read in {MOST_SECONDS} s")
    if done.returncode != 0:
        why = one_line(done.stderr.strip().removeprefix("error: ")[-_LONGEST_CAUSE:], _LONGEST_CAUSE)
        return Found(stack=None, source="", problem=f"{problem}. And by {file}: {why}")
    return Found(stack=Stack.of(json.loads(done.stdout), file), source=file, problem=problem)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=stack_file.PROJECT, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )


def _short(name: str) -> str:
    """Return a stack's own name, without its organization and project."""
    return name.rpartition("/")[2]
