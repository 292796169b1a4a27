"""Measure sides against each other: in every round each side is asked once, so that a busy moment hits all of them."""

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from benchmarks.serving import clients, models
from benchmarks.serving.models import Case
from benchmarks.serving.stack import Container

FIRST_REQUESTS = 40
CSV, JSON = "text/csv", "application/json"
LEAST = 3
"""Answers for each side in a round, however long they take."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One side's milliseconds for one kind of request: medians of the rounds, and the range of the rounds' medians.

    `processor` is what the container's processes needed for one answer. Other work on the machine hardly changes it,
    while it changes every time that a clock takes.
    """

    case: str
    side: str
    rows: int
    kind: str
    clients: int
    p50: float
    p99: float
    lowest: float
    highest: float
    processor: float
    rounds: list[float]
    processor_rounds: list[float]


class Asked(NamedTuple):
    """One kind of request: how many rows, of which content type, by how many clients at once."""

    rows: int
    kind: str
    clients: int


def load(case: Case, containers: Mapping[str, Container], asked: Asked, *, rounds: int, seconds: float) -> list[Figure]:
    """Return the figures of every side for one kind of request."""
    message = clients.request(models.body(case.rows(asked.rows), asked.kind), asked.kind)
    found: dict[str, list[tuple[list[float], float]]] = {side: [] for side in containers}
    sides = list(containers)
    for number in range(rounds + 1):
        # Each side goes first as often as the others.
        for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
            container, before = containers[side], containers[side].processor_seconds()
            took = clients.latencies(container.port, message, clients=asked.clients, seconds=seconds, least=LEAST)
            found[side].append((took, (container.processor_seconds() - before) / len(took)))
    return [_figure(case.name, side, asked, of[1:]) for side, of in found.items()]  # the first round warms up


def _figure(case: str, side: str, asked: Asked, rounds: list[tuple[list[float], float]]) -> Figure:
    medians = [1000 * statistics.median(took) for took, _ in rounds]
    tails = [1000 * float(np.quantile(took, 0.99)) for took, _ in rounds]
    processor = [1000 * seconds for _, seconds in rounds]
    return Figure(
        case=case, side=side, **asked._asdict(), p50=statistics.median(medians), p99=statistics.median(tails),
        lowest=min(medians), highest=max(medians), processor=statistics.median(processor), rounds=medians,
        processor_rounds=processor,
    )  # fmt: skip


def difference(case: Case, containers: Mapping[str, Container], rows: int, kind: str, *, gaps: bool) -> float:
    """Return by how much the answers of the two sides differ at most; infinity when a label does."""
    asked = case.rows(rows, gaps=gaps)
    # Ours takes an empty field for a missing value and refuses nan; numpy reads it the other way round.
    numeric = all(column.kind == "numeric" for column in case.table.columns)
    ours = json.loads(containers["ours"].ask(models.body(asked, kind), kind))["predictions"]
    naive = json.loads(containers["naive"].ask(models.body(asked, kind, empty="nan" if numeric else ""), kind))
    return max(_apart(case, *pair) for pair in zip(ours, naive, strict=True))


def _apart(case: Case, ours: Mapping[str, Any], naive: Any) -> float:
    if "probability" not in ours:
        (value,) = ours.values()
        return abs(float(value) - float(naive))
    classes = case.model.classes_.tolist()
    if ours["label"] != classes[int(np.argmax(naive))]:
        return float("inf")
    wanted = naive[1] if len(classes) == 2 else naive
    return float(np.max(np.abs(np.subtract(ours["probability"], wanted))))


def first_requests(case: Case, container: Container) -> float:
    """Return the milliseconds of the slowest of a new container's first requests, one after another."""
    message = clients.request(models.body(case.rows(1), CSV), CSV)
    return 1000 * max(clients.latencies(container.port, message, clients=1, seconds=0, least=FIRST_REQUESTS))


def as_json(figures: list[Figure]) -> list[dict[str, Any]]:
    """Return the figures as JSON holds them."""
    return [asdict(figure) for figure in figures]
