"""Read a buildspec, version 0.2, into typed values. A key that the build runner does not act on is refused by name.

Keys and their meaning: AWS CodeBuild user guide, "Build specification reference".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from rehearsal.pipeline.artifacts import FileSelection

PHASES = ("install", "pre_build", "build", "post_build")
SHELLS = ("sh", "bash")
"""What `env.shell` may say. CodeBuild takes `sh` when a buildspec is silent, so bash's own syntax must be asked for."""


class BuildspecError(ValueError):
    """The buildspec cannot be read, or asks for something that the build runner does not do."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase: commands that stop at the first failure, and those that run whatever happened."""

    name: str
    commands: tuple[str, ...]
    finally_commands: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Buildspec:
    """A whole buildspec. `artifacts` is what a project with one output takes, `secondary_artifacts` is by name."""

    shell: str
    variables: Mapping[str, str]
    exported_variables: tuple[str, ...]
    phases: tuple[Phase, ...]
    artifacts: FileSelection | None
    secondary_artifacts: Mapping[str, FileSelection]


def parse(text: str) -> Buildspec:
    """Return the buildspec that this YAML text describes. Raises BuildspecError naming the key at fault."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"not YAML: {error}") from error
    top = _section(document, "buildspec", ("version", "env", "phases", "artifacts"))
    if str(top.get("version")) != "0.2":
        raise BuildspecError(f"version: 0.2 is needed, found {top.get('version')}")
    env = _section(top.get("env"), "env", ("shell", "variables", "exported-variables"))
    shell = env.get("shell", "sh")
    if shell not in SHELLS:
        raise BuildspecError(f"env.shell: one of {', '.join(SHELLS)} is needed, found {shell}")
    phases = _section(top.get("phases"), "phases", PHASES)
    if not phases:
        raise BuildspecError("phases: at least one is needed")
    artifacts, secondary = _artifacts(top.get("artifacts"))
    return Buildspec(
        shell=shell,
        variables={
            name: _scalar(value, f"env.variables.{name}")
            for name, value in _section(env.get("variables"), "env.variables").items()
        },
        exported_variables=_strings(env.get("exported-variables"), "env.exported-variables"),
        phases=tuple(_phase(name, phases[name]) for name in PHASES if name in phases),
        artifacts=artifacts,
        secondary_artifacts=secondary,
    )


def _phase(name: str, value: Any) -> Phase:
    where = f"phases.{name}"
    known = ("commands", "finally") + (("runtime-versions",) if name == "install" else ())
    content = _section(value, where, known)
    # The rehearsal has one interpreter, its own: the version is read by AWS only.
    _section(content.get("runtime-versions"), f"{where}.runtime-versions", ("python",))
    return Phase(
        name=name,
        commands=_strings(content.get("commands"), f"{where}.commands"),
        finally_commands=_strings(content.get("finally"), f"{where}.finally"),
    )


def _artifacts(value: Any) -> tuple[FileSelection | None, Mapping[str, FileSelection]]:
    if value is None:
        return None, {}
    keys = ("files", "base-directory", "discard-paths")
    content = dict(_section(value, "artifacts", (*keys, "secondary-artifacts")))
    secondary = _section(content.pop("secondary-artifacts", None), "artifacts.secondary-artifacts")
    by_name = {
        name: _selection(_section(each, f"artifacts.secondary-artifacts.{name}", keys), name)
        for name, each in secondary.items()
    }
    return _selection(content, "artifacts") if content else None, by_name


def _selection(content: Mapping[str, Any], where: str) -> FileSelection:
    patterns = _strings(content.get("files"), f"{where}.files")
    if not patterns:
        raise BuildspecError(f"{where}.files: at least one pattern is needed")
    if outside := [pattern for pattern in patterns if pattern.startswith("/") or ".." in pattern.split("/")]:
        raise BuildspecError(f"{where}.files: {outside[0]} is outside of the source directory; not supported")
    discard = content.get("discard-paths", False)
    # YAML 1.1 reads an unquoted yes and no as booleans.
    if discard not in (True, False, "yes", "no"):
        raise BuildspecError(f"{where}.discard-paths: yes or no is needed, found {discard}")
    return FileSelection(
        patterns=patterns,
        base_directory=_scalar(content.get("base-directory", "."), f"{where}.base-directory"),
        discard_paths=discard in (True, "yes"),
    )


def _section(value: Any, where: str, known: Sequence[str] | None = None) -> Mapping[str, Any]:
    """Return a mapping (empty when absent) whose keys are all among `known`, when that is given."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BuildspecError(f"{where}: a mapping is needed, found {value!r}")
    for key in value:
        if known is not None and key not in known:
            raise BuildspecError(f"{where}.{key}: not supported; known are {', '.join(known)}")
    return value


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BuildspecError(f"{where}: a list is needed, found {value!r}")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            # Usually a command with an unquoted ": ", which YAML takes for a mapping.
            raise BuildspecError(f"{where}[{index}]: a string is needed, found {item!r}; quote it")
    return tuple(value)


def _scalar(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BuildspecError(f"{where}: a string is needed, found {value!r}; quote it")
    return str(value)
