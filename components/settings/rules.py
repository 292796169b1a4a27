"""Rules for single values of settings: each turns what a stack file may hold into a typed value, or says why not."""

import math
import re
from collections.abc import Callable, Collection
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Rule: TypeAlias = Callable[[Any], T]
"""Turns a raw value into the value of a setting, or raises ValueError with the end of a sentence: "is not ..."."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number(low: float, high: float) -> Rule[float]:
    """Accept a finite number in [low, high], written as a number or as text."""

    def _rule(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("is not a number")
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            raise ValueError("is not a number")
        try:
            given = float(value)
        except OverflowError:
            given = math.inf
        if not math.isfinite(given):
            raise ValueError("is not a finite number")
        if not low <= given <= high:
            raise ValueError(f"is not {_between(low, high)}")
        return given

    return _rule


def whole(low: int, high: int) -> Rule[int]:
    """Accept a whole number in [low, high], also as text or as a float without a fraction."""
    any_number = number(-math.inf, math.inf)

    def _rule(value: Any) -> int:
        given = any_number(value)
        if not given.is_integer():
            raise ValueError("is not a whole number")
        if not low <= given <= high:
            raise ValueError(f"is not {_between(low, high)}")
        return int(given)

    return _rule


def whole_of(choices: Collection[int]) -> Rule[int]:
    """Accept one of these whole numbers."""
    in_range = whole(min(choices), max(choices))

    def _rule(value: Any) -> int:
        given = in_range(value)
        if given not in choices:
            raise ValueError(f"is not one of {', '.join(map(str, choices))}")
        return given

    return _rule


def flag(value: Any) -> bool:
    """Accept true or false, also as text."""
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise ValueError("is not true or false")


def one_of(choices: Collection[str]) -> Rule[str]:
    """Accept exactly one of these words."""

    def _rule(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"is not one of {', '.join(choices)}")
        return value

    return _rule


def text(pattern: str, meaning: str) -> Rule[str]:
    """Accept text that matches `pattern` as a whole; `meaning` ends the sentence "is not ..."."""

    def _rule(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"is not {meaning}")
        return value

    return _rule


def list_of(item: Rule[str]) -> Rule[tuple[str, ...]]:
    """Accept a list whose every entry `item` accepts; equal entries count once."""

    def _rule(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError("is not a list")
        return tuple(dict.fromkeys(item(each) for each in value))

    return _rule


def null_or(rule: Rule[T]) -> Rule[T | None]:
    """Accept null, also as text, and what `rule` accepts."""

    def _rule(value: Any) -> T | None:
        if value is None or value == "null":
            return None
        try:
            return rule(value)
        except ValueError as error:
            raise ValueError(f"{error}, nor null") from error

    return _rule


def _between(low: float, high: float) -> str:
    return f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
