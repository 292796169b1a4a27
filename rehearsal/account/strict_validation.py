"""Refuse parameters that the service model forbids: patterns, lengths, enumerations, ranges.

AWS checks them; boto3 checks only presence, types and minimums, and moto mostly nothing.
"""

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Any

from botocore.model import MapShape, Shape

from rehearsal.account.calls import AwsError
from rehearsal.account.operations import Operation, parts

_UNCHECKED_SERVICES = ("s3",)
"""S3's rules are not in its model, and its bodies are large."""

_REPEATED_END = re.compile(r"\$\{\d+,\d+\}$")
"""SageMaker's model writes a length behind the end of two patterns, which Python does not accept."""

_CLASS_ESCAPE = re.compile(r"\\p\{(L|M|N|P|S|Z)\}")


def validate(operation: Operation) -> None:
    """Raise AwsError ValidationException that names every parameter the model forbids."""
    shape = operation.model.input_shape
    if shape is None or operation.service in _UNCHECKED_SERVICES:
        return
    errors = list(_errors(operation.params, shape, ""))
    if errors:
        code = "ValidationError" if operation.protocol == "query" else "ValidationException"
        count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected"
        raise AwsError(code, f"{count}: {'; '.join(errors)}", HTTPStatus.BAD_REQUEST)


def _errors(value: Any, shape: Shape, path: str) -> Iterator[str]:
    for constraint in _own_constraints(value, shape):
        yield f"Value {value!r} at '{path}' failed to satisfy constraint: {constraint}"
    if isinstance(shape, MapShape):
        for key in value:
            yield from _errors(key, shape.key, f"{path}.key")
    for step, item, member in parts(value, shape):
        yield from _errors(item, member, f"{path}.{step}" if path else step)


def _own_constraints(value: Any, shape: Shape) -> Iterator[str]:
    limits: Mapping[str, Any] = shape.metadata
    if shape.type_name in ("string", "list", "map", "blob"):
        size, word = len(value), "length"
    elif shape.type_name in ("integer", "long", "float", "double"):
        size, word = value, "value"
    else:
        return
    if size < limits.get("min", float("-inf")):
        yield f"Member must have {word} greater than or equal to {limits['min']}"
    if size > limits.get("max", float("inf")):
        yield f"Member must have {word} less than or equal to {limits['max']}"
    if shape.type_name == "string":
        yield from _text_constraints(value, limits)


def _text_constraints(value: str, limits: Mapping[str, Any]) -> Iterator[str]:
    if limits.get("enum") and value not in limits["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"
    pattern = _compiled(limits["pattern"]) if "pattern" in limits else None
    if pattern and not pattern.fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the model's Java pattern for Python, None where Python has no equal."""
    try:
        return re.compile(_CLASS_ESCAPE.sub(lambda found: _category(found[1]), _REPEATED_END.sub("", pattern)))
    except re.error:
        return None


def _category(letter: str) -> str:
    r"""Return the characters of a Unicode category (`\p{L}`: letters) as ranges for the inside of a character class."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _ranges_by_category()[letter])


@cache
def _ranges_by_category() -> Mapping[str, list[list[int]]]:
    ranges: dict[str, list[list[int]]] = defaultdict(list)
    for code in range(sys.maxunicode + 1):
        found = ranges[unicodedata.category(chr(code))[0]]
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return ranges
