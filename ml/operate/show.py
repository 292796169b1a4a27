"""How a command answers: a table for a person, JSON for a program, both from the same rows."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDTH_OF_A_LOG = 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command found. `exit_status` 1 says that it is not as it should be; the rows say what."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    exit_status: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More for programs, beside the rows."""
    error: str = ""
    """Why what was asked for did not come about: one line, for standard error."""


def show(answer: Answer, *, as_json: bool) -> None:
    """Print the answer to standard output."""
    if as_json:
        content = {"title": answer.title, "rows": list(answer.rows), "notes": list(answer.notes), **answer.extra}
        sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")
        return
    # What others wrote, a comment or a reason, is text: neither markup nor the name of a picture.
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_LOG
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    table = Table(title=answer.title, title_justify="left")
    for column in answer.columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in answer.rows:
        table.add_row(*(_text(row.get(column)) for column in answer.columns))
    console.print(table if answer.rows else f"{answer.title}: none")
    for note in answer.notes:
        console.print(note, soft_wrap=True)


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
