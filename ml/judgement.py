"""What a judgement is made of: the rule, a line for each thing judged, and the verdict. No AWS, no I/O."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ml import contract
from ml.errors import InputError

LONGEST_SUMMARY = 1000


@dataclass(frozen=True, kw_only=True)
class Line:
    """The judgement of one metric. `value` and `limit` are as found, and need not be numbers."""

    metric: str
    value: object
    limit: object
    higher_is_better: bool | None
    """None for a metric that nobody knows."""
    passed: bool
    reason: str
    about_champion: bool = False
    """Whether `value` is the difference to the champion's, and `limit` the one that is allowed."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All lines of one judgement, in the order of the thresholds; those about the champion come last."""

    lines: tuple[Line, ...]

    @property
    def approved(self) -> bool:
        """Whether there is at least one line and every line passed."""
        return bool(self.lines) and all(line.passed for line in self.lines)

    @property
    def decision(self) -> str:
        """The registry's word for it."""
        return contract.APPROVED if self.approved else contract.REJECTED

    @property
    def summary(self) -> str:
        """The decision with its reasons: one line of at most 1000 characters."""
        reasons = [line.reason for line in self.lines if line.passed == self.approved]
        text = "; ".join(reasons) or "no threshold is set, so nothing vouches for the model"
        return one_line(f"{self.decision}: {text}", LONGEST_SUMMARY)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How metrics are judged: by their measured value (basis point) or by the worse end of their interval (bound).

    `confidence` is that of the whole interval, between 0 and 1: the truth is worse than that end with half of the rest.
    `champion_margin` is how much worse than the model that serves now a new one may be, in each metric's own unit; None
    asks for no comparison.
    """

    basis: str
    confidence: float
    champion_margin: float | None = None

    @classmethod
    def read(cls, text: str) -> "Rule":
        """Return the rule in the JSON text of a GATE variable. Raises InputError for one that nobody can judge by.

        A rule that this code does not know must not be overlooked: nothing would then be held to it.
        """
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("basis") not in (contract.POINT, contract.BOUND):
            raise InputError(f"{contract.GATE} names no basis to judge by. Deploy the program again")
        confidence = content.get("confidence")
        if not is_finite(confidence) or not 0 < confidence < 1:
            raise InputError(f"{contract.GATE} has the confidence {confidence!r}. Set gate.confidence, deploy again")
        margin = content.get("championMargin")
        if margin is not None and not (is_finite(margin) and margin >= 0):
            raise InputError(
                f"{contract.GATE} has the champion margin {margin!r}. Set gate.championMargin, deploy again"
            )
        return cls(
            basis=content["basis"],
            confidence=float(confidence),
            champion_margin=None if margin is None else float(margin),
        )


POINT_RULE = Rule(basis=contract.POINT, confidence=0.95)


def interval_ends(content: object, key: str, rule: Rule) -> Mapping[str, Any]:
    """Return metric -> interval, as found under `key`; nothing unless they have the rule's confidence."""
    found = content.get(key) if isinstance(content, dict) and content.get("confidence") == rule.confidence else None
    return found if isinstance(found, dict) else {}


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether `value` is a number that can be compared: no truth value, NaN, infinity or endless integer."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def one_line(text: str, longest: int) -> str:
    """Return `text` without control characters, with single blanks, and cut to `longest` characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(printable.split())
    return words if len(words) <= longest else words[: longest - 3] + "..."
