"""Write a recorded program as text that a person reads as a plan: one entry for each resource, in the order of URNs."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness import ROOT, STACK_TYPE, Recorded, Registered
from tests.scan.plan import ASSET_MARK

FOLDER = Path(__file__).parent
COMMAND = "make snapshots"
LONGEST_LINE = 110
LONGEST_DIFFERENCE = 80
"""Lines of it that a failing test shows."""


def path_of(stack: str) -> Path:
    """Return where the snapshot of a stack lies."""
    return FOLDER / f"{stack}.json"


def written(run: Recorded) -> str:
    """Return the snapshot of a recorded program."""
    [stack] = [one for one in run.resources if one.type == STACK_TYPE]
    # What every URN begins with says nothing: urn:pulumi:<stack>::<project>::
    head = stack.urn[: stack.urn.index(STACK_TYPE)]
    entries = {one.urn.removeprefix(head): _entry(one) for one in run.resources if one is not stack}
    return _laid_out(dict(sorted(entries.items())), 0) + "\n"


def difference(known: str, found: str, stack: str) -> str:
    """Return what is to be told about a snapshot that is not what the program makes; empty when it is."""
    lines = list(
        difflib.unified_diff(
            known.splitlines(), found.splitlines(), f"{stack} as reviewed", f"{stack} now", lineterm=""
        )
    )
    if not lines:
        return ""
    shown = lines[:LONGEST_DIFFERENCE]
    if len(lines) > len(shown):
        shown.append(f"... and {len(lines) - len(shown)} more lines")
    told = f"The program makes something else than {path_of(stack).relative_to(ROOT)} says. If that is meant: {COMMAND}"
    return "\n".join([told, *shown])


def _entry(one: Registered) -> dict[str, Any]:
    options = {
        "protect": one.protect,
        "provider": _short(one.provider),
        "dependsOn": sorted(map(_short, one.depends_on)),
        **{name: _value(value) for name, value in one.options.items()},
    }
    entry = {
        "type": one.type,
        "parent": _short(one.parent),
        "options": {name: value for name, value in options.items() if value},
        "inputs": {name: _value(value) for name, value in sorted(one.inputs.items())},
    }
    return {name: value for name, value in entry.items() if value}


def _short(urn: str) -> str:
    """Return a reference as <type>::<name>, without the parents, which stand in the entry of what is referred to."""
    return urn.rpartition("$")[2]


def _laid_out(value: Any, depth: int) -> str:
    """Return JSON in which whatever fits on a line is on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or (depth > 1 and len(line) + 2 * depth <= LONGEST_LINE):
        return line
    if isinstance(value, dict):
        items = [f"{json.dumps(name)}: {_laid_out(item, depth + 1)}" for name, item in value.items()]
    else:
        items = [_laid_out(item, depth + 1) for item in value]
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}{inner}{f',{inner}'.join(items)}{outer}{closing}"


def _value(value: Any) -> Any:
    """Return an input as it is shown. Of a file or an archive of files, where it lies is all that there is to say."""
    if isinstance(value, Mapping):
        return {name: _value(item) for name, item in sorted(value.items()) if name != ASSET_MARK}
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> Any:
    """Return a document within a text as what it says, and a path as it lies in the repository."""
    if value[:1] in ("{", "["):
        try:
            return _value(json.loads(value))
        except ValueError:
            return value
    return Path(value).relative_to(ROOT).as_posix() if value.startswith(f"{ROOT}/") else value
