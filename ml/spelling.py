"""Find values whose spelling says something else than what is learnt from them. They are told of, never converted."""

import re
from collections.abc import Iterator

from ml import catalogue
from ml.table import Table

MOST = 0.5
"""A text column with more numbers than this share of its values was meant to be numeric."""

MISSING = frozenset({"na", "n/a", "#n/a", "nan", "null", "none"})
"""Usual spellings of a missing value, in small letters. In a column of numbers most of them are read as one."""

_NUMBER = re.compile(r"[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?%?")
_NOT_READ = re.compile(r"[,%]")
"""What keeps a number from being read as one."""


def warnings(table: Table) -> tuple[str, ...]:
    """Return a sentence about each text column of numbers, and each class that is spelt like a missing value."""
    return (*_numbers_as_text(table), *_missing_as_class(table))


def _numbers_as_text(table: Table) -> Iterator[str]:
    for index, column in enumerate(table.columns):
        if column.kind == "categorical" and (example := _number(table, index)):
            yield (
                f"column {column.name!r} looks like numbers and is taken as text, such as {example!r}. Write them"
                " without separators and percent signs"
            )


def _number(table: Table, index: int) -> str:
    """Return a number of the text column at `index` that is not read as one; empty unless most values are numbers."""
    texts = [text for text in table.rows[:, index] if text is not None]
    numbers = [text for text in texts if _NUMBER.fullmatch(text)]
    return next(filter(_NOT_READ.search, numbers), "") if len(numbers) > MOST * len(texts) else ""


def _missing_as_class(table: Table) -> Iterator[str]:
    for label in sorted(set(table.target.tolist())) if table.task == catalogue.CLASSIFICATION else ():
        if str(label).strip().lower() in MISSING:
            yield (
                f"class {label!r} of {table.target_column!r} reads like a missing value and is learnt as a class. Leave"
                " the field empty where the answer is not known"
            )
