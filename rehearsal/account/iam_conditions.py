"""Judge the Condition block of a policy statement, and match the patterns that policies are written in. Pure.

Source: IAM user guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rehearsal.account.calls import Context


class PolicyError(ValueError):
    """A policy document says something that this evaluator cannot judge."""


def as_list(value: Any) -> list[Any]:
    """Return the value of a policy element that may be one thing or a list of things, always as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def matches(pattern: str, value: str) -> bool:
    """Return whether `value` fits a pattern in which `*` is any run of characters and `?` any one; case counts."""
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _arn_matches(have: str, want: str) -> bool:
    """Compare ARNs part by part: a wildcard does not reach over a colon."""
    haves, wants = have.split(":", 5), want.split(":", 5)
    return len(haves) == len(wants) == 6 and all(matches(w, h) for h, w in zip(haves, wants, strict=True))


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def _test(have: str, want: str) -> bool:
        try:
            return compare(float(have), float(want))
        except ValueError:
            return False

    return _test


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda have, want: have == want,
    "StringEqualsIgnoreCase": lambda have, want: have.casefold() == want.casefold(),
    "StringLike": lambda have, want: matches(want, have),
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "Bool": lambda have, want: have.lower() == want.lower(),
    "NumericEquals": _numbers(lambda have, want: have == want),
    "NumericLessThan": _numbers(lambda have, want: have < want),
    "NumericLessThanEquals": _numbers(lambda have, want: have <= want),
    "NumericGreaterThan": _numbers(lambda have, want: have > want),
    "NumericGreaterThanEquals": _numbers(lambda have, want: have >= want),
}
_NEGATED = {
    f"{kind}Not{rest}": f"{kind}{rest}"
    for kind, rest in (
        ("String", "Equals"),
        ("String", "EqualsIgnoreCase"),
        ("String", "Like"),
        ("Arn", "Equals"),
        ("Arn", "Like"),
        ("Numeric", "Equals"),
    )
}


def conditions_hold(block: Mapping[str, Any], context: Context, source: str) -> bool:
    """Return whether a statement's Condition holds. `source` names the statement in errors. Raises PolicyError."""
    values = {key.lower(): value for key, value in context.items()}
    return all(
        _condition_holds(source, operator, [_word(want) for want in as_list(wants)], values.get(key.lower()))
        for operator, keys in block.items()
        for key, wants in keys.items()
    )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition_holds(source: str, operator: str, wants: list[str], have: str | Sequence[str] | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise PolicyError(f"{source}: condition operator not modelled: {operator}")
    if name == "Null":
        return (have is None) == (wants == ["true"])
    base = name.removesuffix("IfExists")
    negated = base in _NEGATED
    test = _TESTS.get(_NEGATED.get(base, base))
    if test is None:
        raise PolicyError(f"{source}: condition operator not modelled: {operator}")
    if have is None:
        return base != name or quantifier == "ForAllValues" or (negated and not quantifier)
    haves = [have] if isinstance(have, str) else list(have)
    hits = [any(test(h, w) for w in wants) != negated for h in haves]
    every = quantifier == "ForAllValues" or (negated and not quantifier)
    return all(hits) if every else any(hits)
