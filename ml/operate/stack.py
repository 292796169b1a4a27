"""Which stack a command is about: the outputs of the Pulumi program, from Pulumi itself or from a file."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ml.errors import InputError

PULUMI_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The outputs that the commands need, under the names that the program exports."""

    region: str
    pipeline_name: str
    model_package_group: str
    endpoint_name: str
    model_bucket: str
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

    @property
    def account(self) -> str:
        """The AWS account that it is in."""
        return self.alarms_topic.split(":")[4]

    @classmethod
    def of(cls, outputs: Mapping[str, Any], source: str) -> "Stack":
        """Return the typed outputs. Raises InputError that names every output that is absent."""
        wanted = [field.name for field in fields(cls)]
        if absent := [name for name in wanted if name not in outputs]:
            raise InputError(
                f"{source} lacks {', '.join(absent)}. Run pulumi up with this version of the program, then retry"
            )
        values = {name: outputs[name] for name in wanted}
        values["alarms"], values["build_projects"] = tuple(values["alarms"]), tuple(values["build_projects"])
        return cls(**values)


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


def from_pulumi(name: str | None) -> Stack:
    """Return the stack called `name`, or the selected one, as the Pulumi CLI tells it. Raises InputError."""
    command = ["pulumi", "stack", "output", "--json", *(["--stack", name] if name else [])]
    shown = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PULUMI_SECONDS, check=False)
    except FileNotFoundError as error:
        raise InputError(
            "the pulumi command is not on PATH. Install it (pulumi.com/docs/install), or name a file of outputs with"
            " --outputs"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{shown} took more than {PULUMI_SECONDS} s. Run it by hand and see why") from error
    if done.returncode != 0:
        raise InputError(f"{shown}: {done.stderr.strip()[-300:]}. Run it in the project's folder, or name --stack")
    return Stack.of(json.loads(done.stdout), shown)
