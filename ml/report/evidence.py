"""The evaluation document as the report reads it: whatever an older one lacks is absent, and nothing is computed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml import catalogue, gate
from ml.report.words import number


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Both ends of a confidence interval."""

    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One document, read."""

    content: Mapping[str, Any]
    values: Mapping[str, object]
    """Metric -> value as found, in the catalogue's order."""

    @classmethod
    def read(cls, document: bytes) -> "Evidence":
        """Raises gate.EvidenceError when the document is not JSON or holds no metrics."""
        values = gate.metrics(document)
        ordered = {name: values[name] for name in catalogue.METRICS if name in values}
        return cls(content=json.loads(document), values=ordered)

    @property
    def rows(self) -> int:
        """How many rows were held out."""
        return int(number(mapping(self.content.get("dataset")).get("item_count")) or 0)

    @property
    def group(self) -> Mapping[str, Any]:
        """The metrics with what SageMaker's schema adds to them."""
        return next(mapping(self.content[name]) for name in gate.METRIC_GROUPS if name in self.content)

    @property
    def confidence(self) -> float:
        """Of each interval as a whole, between 0 and 1; 0 where none was estimated."""
        return number(mapping(self.content.get("intervals")).get("confidence")) or 0.0

    @property
    def baseline(self) -> Mapping[str, Any]:
        """Metric -> what the best constant answer reaches."""
        return mapping(mapping(self.content.get("baseline")).get("metrics"))

    @property
    def champion(self) -> Mapping[str, Any]:
        """What is known of the live version; empty where none is live, or nobody looked."""
        return mapping(self.content.get("champion"))

    def interval(self, metric: str) -> Interval | None:
        """Return the interval of a metric."""
        return ends(mapping(mapping(self.content.get("intervals")).get("metrics")).get(metric))

    def difference(self, metric: str) -> Mapping[str, Any]:
        """Return new minus live on the same rows, with its interval."""
        return mapping(mapping(self.champion.get("differences")).get(metric))

    def items(self, key: str) -> list[Mapping[str, Any]]:
        """Return the objects in the list under `key`."""
        return items(self.content.get(key))


def mapping(value: object) -> Mapping[str, Any]:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in `value` where it is a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def numbers(value: object) -> list[float]:
    """Return `value` where it is a list of finite numbers, else an empty one: half a curve is none."""
    found = [number(one) for one in value] if isinstance(value, list) else []
    return [one for one in found if one is not None] if None not in found else []


def ends(value: object) -> Interval | None:
    """Return the interval in {"lower": a, "upper": b}; None when an end is missing or not finite."""
    lower, upper = number(mapping(value).get("lower")), number(mapping(value).get("upper"))
    return None if lower is None or upper is None else Interval(lower=lower, upper=upper)
