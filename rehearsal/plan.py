"""What is to be rehearsed, read from the stack file and the command line."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml import catalogue
from ml.errors import InputError
from ml.stack_file import PROJECT, project_name, stack_config
from rehearsal.provision.provisioner import RoleAction

DEFAULT_REGION = "us-east-1"
DATA_BUCKET = "a-rehearsal-table"
_REGION_KEY = "aws:region"
_DATA_SUFFIXES = (".csv", ".parquet")
_STEP = re.compile(r"\[(?P<place>\d+)\]|[^.\[\]]+")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A stack, its whole configuration as Pulumi would hand it over, and what an experiment takes away from it.

    `data` is a local table that the rehearsal puts where the setting training.dataUri says.
    """

    stack: str
    config: Mapping[str, str]
    data: Path | None = None
    without: RoleAction | None = None

    @property
    def use_case(self) -> str:
        """Return the use case whose module is trained."""
        return self.config.get(f"{project_name(PROJECT)}:useCase", catalogue.DEFAULT_USE_CASE)

    @property
    def hosted_repository(self) -> str:
        """Return the name ("owner/name") of a repository outside AWS; empty where the program makes its own."""
        source = json.loads(self.config.get(f"{project_name(PROJECT)}:source", "{}"))
        return str(source.get("repository", ""))

    @property
    def region(self) -> str:
        """Return the stack's region."""
        return self.config.get(_REGION_KEY, DEFAULT_REGION)


def make_plan(
    stack: str,
    settings: Iterable[tuple[str, str]] = (),
    *,
    data: Path | None = None,
    target: str | None = None,
    without: RoleAction | None = None,
) -> Plan:
    """Return the stack file's configuration with `settings` (dotted key, value) on top.

    Raises InputError when the stack file or the data file is missing, or the data file is neither CSV nor Parquet.
    """
    config = stack_config(PROJECT, stack)
    changes = list(settings)
    if data is not None:
        changes.append(("training.dataUri", f"s3://{DATA_BUCKET}/{_checked(data).name}"))
    if target is not None:
        changes.append(("training.target", target))
    for key, value in changes:
        config = with_setting(config, key, value)
    return Plan(stack=stack, config=config, data=data, without=without)


def with_setting(config: Mapping[str, str], key: str, value: str) -> dict[str, str]:
    """Return `config` after `pulumi config set --path KEY VALUE`: maps and lists are JSON text, leaves are text.

    A step is a key ("approval.mode") or a place in a list ("approval.approvers[0]"). Raises InputError for one that the
    value has no room for.
    """
    head, *steps = [int(found["place"]) if found["place"] else found[0] for found in _STEP.finditer(key)]
    name = str(head) if ":" in str(head) else f"{project_name(PROJECT)}:{head}"
    if not steps:
        return {**config, name: value}
    return {**config, name: json.dumps(_with_step(json.loads(config.get(name, "null")), steps, value, key))}


def _with_step(node: Any, steps: Sequence[int | str], value: str, key: str) -> Any:
    """Return `node` with `value` at the end of these steps."""
    if not steps:
        return value
    step, *rest = steps
    if isinstance(step, str) and isinstance(node, dict | None):
        known = node or {}
        return {**known, step: _with_step(known.get(step), rest, value, key)}
    if isinstance(step, int) and isinstance(node, list | None) and step <= len(node or []):
        items = node or []
        return [
            *items[:step],
            _with_step(items[step] if step < len(items) else None, rest, value, key),
            *items[step + 1 :],
        ]
    raise InputError(
        f"{key}: there is no room for {step} in {json.dumps(node)}. See Pulumi.yaml for what the key holds."
    )


def _checked(data: Path) -> Path:
    if not data.is_file():
        raise InputError(f"{data} is not a file. Name a CSV file with a header, or a Parquet file.")
    if data.suffix not in _DATA_SUFFIXES:
        raise InputError(f"{data} ends neither in .csv nor in .parquet. Convert or rename it.")
    return data
