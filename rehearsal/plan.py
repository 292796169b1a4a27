"""What is to be rehearsed, read from the stack file and the command line."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml import contract
from ml.errors import InputError
from rehearsal.provision.program import project_name, stack_config
from rehearsal.provision.provisioner import RoleAction

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_REGION = "us-east-1"
DATA_BUCKET = "a-rehearsal-table"
_REGION_KEY = "aws:region"
_DATA_SUFFIXES = (".csv", ".parquet")


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
        return self.config.get(f"{project_name(PROJECT)}:useCase", contract.DEFAULT_USE_CASE)

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
    """Return `config` after `pulumi config set --path KEY VALUE`: maps are JSON text, leaves are text."""
    head, *path = key.split(".")
    name = head if ":" in head else f"{project_name(PROJECT)}:{head}"
    if not path:
        return {**config, name: value}
    top = json.loads(config.get(name, "{}"))
    inner = top
    for step in path[:-1]:
        inner = inner.setdefault(step, {})
    inner[path[-1]] = value
    return {**config, name: json.dumps(top)}


def _checked(data: Path) -> Path:
    if not data.is_file():
        raise InputError(f"{data} is not a file. Name a CSV file with a header, or a Parquet file.")
    if data.suffix not in _DATA_SUFFIXES:
        raise InputError(f"{data} ends neither in .csv nor in .parquet. Convert or rename it.")
    return data
