"""What a stack costs: for each month that it stands and for each run of the pipeline. List prices, no invoice."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml import contract
from ml.errors import InputError
from ml.operate.show import Answer
from ml.operate.stack import Stack

PRICES = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730
BYTES_A_REQUEST = 2_000
"""Of question and answer together: a record of twenty numbers has some 400."""

JOB_START_SECONDS = 180
"""For SageMaker to start a training job, which the build waits for and SageMaker does not charge. Not measured."""

OTHER_ACTION_SECONDS = 180
"""Source and approval by the function, in a run."""

SAGEMAKER_ENGINE = "sagemaker"
DEFAULT_TRAINING_INSTANCE = "ml.m5.xlarge"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How the stack is used: runs of the pipeline and requests in a month, and how long each part takes."""

    runs: int = 20
    train_minutes: float = 3
    deploy_minutes: float = 8
    training_seconds: int = 180
    """Billed seconds of each training job, where SageMaker trains."""
    requests: int = 100_000
    request_seconds: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Line:
    """A part of the bill in USD. `by_run` says whether `amount` is that of one run; else of a month."""

    what: str
    amount: float
    by_run: bool
    how: str
    source: str
    certain: bool

    def month(self, runs: int) -> float:
        """Return what it costs in a month."""
        return self.amount * runs if self.by_run else self.amount


def prices() -> Mapping[str, Any]:
    """Return the table of prices, with its date and a source for each."""
    found: Mapping[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return found


def cost(stack: Stack, usage: Usage, *, instance_hour: float | None = None) -> Answer:
    """Return a line for each part of the bill in US dollars. `instance_hour` replaces the table's price of an instance.

    Raises InputError for an instance type that the table does not know.
    """
    table = prices()
    lines = [_serving(stack, table, usage, instance_hour), *_runs(stack, table, usage), *_standing(stack, table)]
    rows = [
        {
            "what": line.what,
            "usd_a_run": round(line.amount, 4) if line.by_run else None,
            "usd_a_month": round(line.month(usage.runs), 2),
            "how": line.how,
            "source": line.source,
        }
        for line in lines
    ]
    run = sum(line.amount for line in lines if line.by_run)
    month = round(sum(line.month(usage.runs) for line in lines), 2)
    rows.append(
        {"what": "total", "usd_a_run": round(run, 4), "usd_a_month": month, "how": f"{usage.runs} runs a month"}
    )
    doubtful = [line.what for line in lines if not line.certain]
    return Answer(
        title=f"{stack.endpoint_name}: list prices of {table['region']}, {table['date']}",
        columns=("what", "usd_a_run", "usd_a_month", "how", "source"),
        rows=rows,
        notes=[
            "Storage, logs and free tiers are left out; compare with aws.amazon.com/pricing before you rely on it",
            f"Prices without a primary source: {', '.join(doubtful) or 'none'}",
        ],
        extra={"usd_a_run": round(run, 4), "usd_a_month": month, "not_verified": doubtful},
    )


def _price(table: Mapping[str, Any], section: str, key: str) -> Mapping[str, Any]:
    known: Mapping[str, Mapping[str, Any]] = table[section]
    if key not in known:
        raise InputError(
            f"the price of {key} is not in {PRICES.name}, whose {section} knows {', '.join(sorted(known))}."
            " Add it with its source; of the endpoint's instances it can also be named: --instance-hour USD"
        )
    return known[key]


def _serving(stack: Stack, table: Mapping[str, Any], usage: Usage, instance_hour: float | None) -> Line:
    choices = stack.endpoint
    if choices["kind"] == contract.SERVERLESS:
        second, data = table["serverless_gb_second"], table["serverless_gb"]
        amount = usage.requests * usage.request_seconds * second["usd"] * choices["memory_mb"] / 1024
        amount += usage.requests * BYTES_A_REQUEST / 1e9 * data["usd"]
        how = f"{usage.requests} requests of {usage.request_seconds} s, {choices['memory_mb']} MB"
        return _line("endpoint", amount, second, how)
    kind, count = choices["instance_type"], choices["instance_count"]
    price = {"usd": instance_hour, "source": "--instance-hour", "certain": True}
    if instance_hour is None:
        price = dict(_price(table, "instance_hour", kind))
    return _line("endpoint", count * price["usd"] * HOURS_A_MONTH, price, f"{count} x {kind} at {price['usd']} an hour")


def _runs(stack: Stack, table: Mapping[str, Any], usage: Usage) -> Iterator[Line]:
    """Return what a run costs: its builds, its training job if there is one, and the minutes of its actions."""
    train_minutes = usage.train_minutes
    if stack.training["engine"] == SAGEMAKER_ENGINE:
        kind = stack.training.get("instance_type", DEFAULT_TRAINING_INSTANCE)
        price, count = _price(table, "training_hour", kind), stack.training.get("instance_count", 1)
        jobs, rounds = _jobs(stack.training.get("search", {}))
        amount = jobs * usage.training_seconds / 3600 * count * price["usd"]
        how = f"{jobs} x {usage.training_seconds} s on {count} x {kind}"
        yield _line("training jobs", amount, price, how, by_run=True)
        train_minutes += rounds * (JOB_START_SECONDS + usage.training_seconds) / 60
    minutes, kind = math.ceil(train_minutes) + math.ceil(usage.deploy_minutes), stack.training["compute_type"]
    price = _price(table, "build_minute", kind)
    yield _line("builds", minutes * price["usd"], price, f"{minutes} minutes of {kind}", by_run=True)
    actions, price = minutes + OTHER_ACTION_SECONDS // 60, table["action_minute"]
    how = f"{actions} action minutes; {table['free_action_minutes']} a month are free"
    yield _line("pipeline", actions * price["usd"], price, how, by_run=True)


def _jobs(search: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many training jobs a run starts, and how many times the build waits: a search may share its trials."""
    shared = search.get("parallel_jobs", 1) if search.get("trials") else 1
    return (shared + 1, 2) if shared > 1 else (1, 1)


def _standing(stack: Stack, table: Mapping[str, Any]) -> Iterator[Line]:
    alarms = len(stack.alarms)
    yield _line("key", table["key_month"]["usd"], table["key_month"], "each month, whatever runs")
    yield _line("alarms", alarms * table["alarm_month"]["usd"], table["alarm_month"], f"{alarms} alarms")
    yield _line("dashboard", table["dashboard_month"]["usd"], table["dashboard_month"], "one")


def _line(what: str, amount: float, price: Mapping[str, Any], how: str, *, by_run: bool = False) -> Line:
    source, certain = price["source"], price["certain"]
    return Line(what=what, amount=amount, by_run=by_run, how=how, source=source, certain=certain)
