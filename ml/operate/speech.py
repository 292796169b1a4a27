"""What the commands say on standard error: lines for a person; for a program, that asked with --json, an object each.

{"error": TEXT, "exit": STATUS} says why the process ends, {"progress": TEXT} what it does meanwhile.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from ml import entry

AS_JSON = "--json"
_LONGEST_CAUSE = entry.LONGEST_CAUSE
_INTERRUPTED = "interrupted. What AWS has begun goes on; see python -m ml status"


@dataclass(frozen=True, kw_only=True)
class Speech:
    """One of the two ways to speak."""

    as_json: bool

    def say(self, text: str) -> None:
        """Tell of progress, at once."""
        click.echo(json.dumps({"progress": text}) if self.as_json else text, err=True)

    def fail(self, cause: str, status: int) -> None:
        """Tell why the process ends, and with which exit status."""
        if self.as_json:
            click.echo(json.dumps({"error": cause, "exit": status}), err=True)
        else:
            entry.fail(cause, status)


class Commands(click.Group):
    """A group whose usage errors, too, are objects where --json stands among the arguments."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **more: Any) -> Any:
        """Run a command and end the process, as click does it."""
        given = list(sys.argv[1:] if args is None else args)
        if AS_JSON not in given or not more.get("standalone_mode", True):
            return super().main(given, *others, **more)
        try:
            status = super().main(given, *others, **{**more, "standalone_mode": False})
        except click.ClickException as error:
            _end(error.format_message(), error.exit_code)
        except click.Abort:
            _end(_INTERRUPTED, 1)
        raise SystemExit(status if isinstance(status, int) else 0)


def _end(cause: str, status: int) -> None:
    Speech(as_json=True).fail(cause, status)
    raise SystemExit(status)
