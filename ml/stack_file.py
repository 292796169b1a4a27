"""What the project's file and a stack's file say, in the form in which the Pulumi engine hands it to the program.

For whoever plays the engine, and for whoever asks which names a stack has while the engine cannot tell.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from ml.errors import InputError

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of this project."""

PROJECT_FILE = "Pulumi.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times faster, which tests of hundreds of configurations feel."""


def project_name(directory: Path) -> str:
    """Return the project's name. Raises InputError when the directory holds no Pulumi project."""
    return str(_load(directory / PROJECT_FILE)["name"])


def required_pulumi_version(directory: Path) -> str:
    """Return what the project asks of the Pulumi CLI, as ">=3.260.0". Raises InputError without a Pulumi project."""
    return str(_load(directory / PROJECT_FILE)["requiredPulumiVersion"])


def file_name(stack: str) -> str:
    """Return the name of a stack's file; the stack's own name may have its organization and project before it."""
    return f"Pulumi.{stack.rpartition('/')[2]}.yaml"


def stack_config(directory: Path, stack: str) -> dict[str, str]:
    """Return what `Pulumi.<stack>.yaml` says, in the form in which the engine hands it to a program.

    Keys without a namespace get the project's, scalars become text and maps JSON text. Raises InputError when there is
    no such stack file.
    """
    project = project_name(directory)
    declared = _load(directory / file_name(stack)).get("config") or {}
    return {key if ":" in key else f"{project}:{key}": _text(value) for key, value in declared.items()}


def _load(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # a safe one, whichever it is
    except FileNotFoundError:
        raise InputError(f"{path.name} is not in {path.parent}. Name a stack that has such a file.") from None
    return loaded if isinstance(loaded, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
