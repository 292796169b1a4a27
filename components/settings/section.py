"""Read maps of settings: each value is checked as it is read, and every problem is kept until all have been found."""

import difflib
import json
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pulumi

from components.settings.rules import Rule

T = TypeVar("T")

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one setting, and the command that repairs it."""

    what: str
    repair: str


class SettingsError(pulumi.RunError):
    """Every problem of a stack's configuration in one message. Pulumi prints a RunError without a traceback."""

    def __init__(self, problems: Collection[Problem], *, project: str, stack: str) -> None:
        lines = [f"{len(problems)} problem(s) in the configuration of stack {project}/{stack}:"]
        for problem in problems:
            lines += [f"  {problem.what}", f"    {problem.repair}"]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class Commands:
    """The pulumi commands that change settings of one stack."""

    stack: str

    def set(self, path: str, value: object) -> str:
        """Return the command that gives the setting at `path` this value."""
        text = _text(value)
        # Without the double dash a value such as -prod would be taken for an option.
        words = ["--", path, text] if text.startswith("-") else [path, text]
        return self._config("set", path, words)

    def rm(self, path: str, *, top_level: bool = False) -> str:
        """Return the command that removes the setting at `path`; `top_level` when its dots are part of its name."""
        return self._config("rm", "" if top_level else path, [path])

    def _config(self, verb: str, path: str, words: list[str]) -> str:
        nested = ["--path"] if "." in path or "[" in path else []
        return shlex.join(["pulumi", "config", verb, "--stack", self.stack, *nested, *words])


class Section:
    """One map of settings. What nobody read is an unknown setting: `finish` reports it."""

    def __init__(
        self, values: Mapping[str, Any], *, commands: Commands, problems: list[Problem], path: str = ""
    ) -> None:
        self.commands = commands
        self.problems = problems
        self._values = values
        self._path = path
        self._read: dict[str, None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def only_with(self, keys: Collection[str] | None, why: str) -> None:
        """Report those of `keys` that are set, because they mean nothing here; `why` says what they belong to."""
        for key in keys or ():
            if key in self:
                self.report(f"{self.path(key)} is set, but {why}", self.commands.rm(self.path(key)))

    def names(self) -> list[str]:
        """Return the keys of this map that are set."""
        return list(self._values)

    def unread(self, prefix: str) -> list[str]:
        """Take every key with this prefix that was not read yet, and return them."""
        found = [key for key in self._values if key.startswith(prefix) and key not in self._read]
        self._read.update(dict.fromkeys(found))
        return found

    def path(self, key: str) -> str:
        """Return the path by which pulumi config knows a key of this map."""
        if not self._path:
            return key
        return f"{self._path}.{key}" if re.fullmatch(r"\w+", key) else f"{self._path}[{json.dumps(key)}]"

    def read(self, key: str, rule: Rule[T], default: T, *, example: object = None) -> T:
        """Return the setting, or `default` when it is absent or wrong. A wrong one is reported.

        The repairing command sets `example`, or the default where there is none. The default itself is not checked.
        """
        self._read[key] = None
        if key not in self._values:
            return default
        try:
            return rule(self._values[key])
        except ValueError as error:
            what = f"{self.path(key)} = {_shown(self._values[key])} {error}"
            self.report(what, self.commands.set(self.path(key), default if example is None else example))
            return default

    def section(self, key: str) -> "Section":
        """Return the map under `key`; an empty one when it is absent, or reported as no map."""
        self._read[key] = None
        values = self._values.get(key, {})
        try:
            # Pulumi hands nested settings over as JSON text.
            values = json.loads(values) if isinstance(values, str) else values
        except json.JSONDecodeError:
            values = None
        if not isinstance(values, Mapping):
            self.report(
                f"{self.path(key)} = {_shown(self._values[key])} is not a map", self.commands.rm(self.path(key))
            )
            values = {}
        return Section(values, commands=self.commands, problems=self.problems, path=self.path(key))

    def finish(self, kind: str = "setting") -> None:
        """Report every key that was not read, with the name that it probably meant."""
        for key in self._values:
            if key not in self._read:
                self._report_unknown(key, kind)

    def report(self, what: str, repair: str) -> None:
        """Keep one problem."""
        self.problems.append(Problem(what=what, repair=repair))

    def _report_unknown(self, key: str, kind: str) -> None:
        value = self._values[key]
        head, _, rest = key.partition(".")
        if not self._path and rest and head in self._read:
            remove = self.commands.rm(key, top_level=True)
            self.report(f"{key} was set without --path", f"{remove} && {self.commands.set(key, value)}")
            return
        what = f"{self.path(key)} is not a {kind}"
        repair = self.commands.rm(self.path(key), top_level=not self._path)
        meant = next(iter(difflib.get_close_matches(key.lower(), self._read)), None)
        if meant:
            what += f"; {meant} is one"
        if meant and meant not in self._values and isinstance(value, str | int | float):
            repair += f" && {self.commands.set(self.path(meant), value)}"
        self.report(what, repair)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
