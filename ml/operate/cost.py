"""What a stack costs: for each month that it stands and for each run of the pipeline. List prices, no invoice."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.endpoint_plan import EndpointPlan
from ml.errors import InputError
from ml.operate import planned
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

BY_HAND = "--instance-hour"
"""Source of a price that the person who asks has named, for their own region."""

SAGEMAKER_ENGINE = "sagemaker"
DEFAULT_TRAINING_INSTANCE = "ml.m5.xlarge"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How the stack is used: runs of the pipeline and requests in a month, and how long each part takes."""

    runs: int = 20
    train_minutes: float = 3
    deploy_minutes: float = 8
    """For the deploy build to install, start new instances and prove them, beside the time for which an update is
    watched. Not measured on AWS.
    """
    training_seconds: int = 180
    """Billed seconds of each training job, where SageMaker trains."""
    requests: int = 100_000
    request_seconds: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Line:
    """A part of the bill in USD: at least and at most. `by_run` says whether it is that of one run; else of a month.

    `first_hand` says that AWS itself names the price, or the person who asks.
    """

    what: str
    least: float
    most: float
    by_run: bool
    how: str
    source: str
    first_hand: bool

    def row(self, runs: int) -> dict[str, Any]:
        """Return the line as the command shows it, for this many runs a month."""
        times = runs if self.by_run else 1
        return {
            "what": self.what,
            "usd_a_run": round(self.least, 4) if self.by_run else None,
            "usd_a_run_most": round(self.most, 4) if self.by_run else None,
            "usd_a_month": round(self.least * times, 2),
            "usd_a_month_most": round(self.most * times, 2),
            "how": self.how,
            "source": self.source,
        }


def prices() -> Mapping[str, Any]:
    """Return the table of prices in USD: with its region, and for each price where and when it was read.

    First-hand is what a page of AWS's own says. None was held against AWS's price list.
    """
    found: Mapping[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return found


def cost(stack: Stack, usage: Usage, *, instance_hour: float | None = None) -> Answer:
    """Return a line for each part of the bill in US dollars. `instance_hour` replaces the table's price of an instance.

    Raises InputError for an instance type that the table does not know.
    """
    table, plan = prices(), planned.plan(stack)
    elsewhere = stack.region != table["region"]
    lines = [
        *_serving(plan, table, usage, instance_hour),
        *_runs(stack, plan, table, usage),
        *_standing(stack, table),
    ]
    total = _total(lines, usage.runs)
    doubtful = [line.what for line in lines if not line.first_hand or (elsewhere and line.source != BY_HAND)]
    return Answer(
        title=f"{stack.endpoint_name}: list prices of {table['region']}, {table['date']}",
        columns=("what", "usd_a_run", "usd_a_run_most", "usd_a_month", "usd_a_month_most", "how", "source"),
        rows=[*(line.row(usage.runs) for line in lines), total],
        notes=[
            *_warning(stack.region, table["region"]),
            f"Storage, logs and free tiers are left out; compare with {table['check']} before you rely on it",
            f"Prices without a primary source for {stack.region}: {', '.join(doubtful) or 'none'}",
        ],
        extra={
            **{key: value for key, value in total.items() if key.startswith("usd_")},
            "prices_of": table["region"],
            "region_differs": elsewhere,
            "not_verified": doubtful,
        },
    )


def _warning(here: str, priced: str) -> Iterator[str]:
    if here != priced:
        yield (
            f"The stack is in {here}, the prices are those of {priced}: AWS may take more there."
            f" The price of the endpoint's instances can be named: {BY_HAND} USD"
        )


def _total(lines: Sequence[Line], runs: int) -> dict[str, Any]:
    by_run, months = [line for line in lines if line.by_run], [line.row(runs) for line in lines]
    return {
        "what": "total",
        "usd_a_run": round(sum(line.least for line in by_run), 4),
        "usd_a_run_most": round(sum(line.most for line in by_run), 4),
        "usd_a_month": round(sum(row["usd_a_month"] for row in months), 2),
        "usd_a_month_most": round(sum(row["usd_a_month_most"] for row in months), 2),
        "how": f"{runs} runs a month",
    }


def _price(table: Mapping[str, Any], section: str, key: str) -> Mapping[str, Any]:
    known: Mapping[str, Mapping[str, Any]] = table[section]
    if key not in known:
        raise InputError(
            f"the price of {key} is not in {PRICES.name}, whose {section} knows {', '.join(sorted(known))}."
            " Add it with its source; of the endpoint's instances it can also be named: --instance-hour USD"
        )
    return known[key]


def _serving(plan: EndpointPlan, table: Mapping[str, Any], usage: Usage, instance_hour: float | None) -> Iterator[Line]:
    """Yield what serves in a month, and the second fleet that each release needs beside it."""
    if plan.serverless:
        second, data = table["serverless_gb_second"], table["serverless_gb"]
        amount = usage.requests * usage.request_seconds * second["usd"] * plan.memory_mb / 1024
        amount += usage.requests * BYTES_A_REQUEST / 1e9 * data["usd"]
        how = f"{usage.requests} requests of {usage.request_seconds} s, {plan.memory_mb} MB"
        yield _line("endpoint", amount, second, how)
        return
    if instance_hour is None:
        price = _price(table, "instance_hour", plan.instance_type)
    else:
        price = {"usd": instance_hour, "source": BY_HAND, "first_hand": True}
    least, most = plan.instance_count, plan.max_instance_count if plan.scales else plan.instance_count
    fleet = f"{least} to {most}" if most > least else str(least)
    hour, times = price["usd"], most / least
    how = f"{fleet} x {plan.instance_type} at {hour} an hour"
    yield _line("endpoint", least * hour * HOURS_A_MONTH, price, how, times=times)
    minutes = _deploy_minutes(plan, usage)
    how = f"{fleet} more beside the old ones, for {minutes} minutes at most"
    amount = least * hour * minutes / 60
    yield _line("second fleet", amount, price, how, by_run=True, times=times)


def _deploy_minutes(plan: EndpointPlan, usage: Usage) -> int:
    """Return the minutes of the deploy build that replaces a version, which waits while the update is watched.

    For so long there are two whole fleets, at most: the new one is made before any traffic moves, and the old one goes
    at the end (developer guide, "Blue/Green Deployments").
    """
    return math.ceil(usage.deploy_minutes + plan.watch_seconds / 60)


def _runs(stack: Stack, plan: EndpointPlan, table: Mapping[str, Any], usage: Usage) -> Iterator[Line]:
    """Yield what a run costs: its builds, its training job if there is one, and the minutes of its actions."""
    train_minutes = usage.train_minutes
    if stack.training["engine"] == SAGEMAKER_ENGINE:
        kind = stack.training.get("instance_type", DEFAULT_TRAINING_INSTANCE)
        price, count = _price(table, "training_hour", kind), stack.training.get("instance_count", 1)
        jobs, rounds = _jobs(stack.training.get("search", {}))
        amount = jobs * usage.training_seconds / 3600 * count * price["usd"]
        how = f"{jobs} x {usage.training_seconds} s on {count} x {kind}"
        yield _line("training jobs", amount, price, how, by_run=True)
        train_minutes += rounds * (JOB_START_SECONDS + usage.training_seconds) / 60
    minutes, kind = math.ceil(train_minutes) + _deploy_minutes(plan, usage), stack.training["compute_type"]
    price = _price(table, "build_minute", kind)
    how = f"{minutes} minutes of {kind}"
    yield _line("builds", minutes * price["usd"], price, how, by_run=True)
    actions, price = minutes + OTHER_ACTION_SECONDS // 60, table["action_minute"]
    how = f"{actions} action minutes; {table['free_action_minutes']} a month are free"
    yield _line("pipeline", actions * price["usd"], price, how, by_run=True)


def _jobs(search: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many training jobs a run starts, and how many times the build waits: a search may share its trials."""
    shared = search.get("parallel_jobs", 1) if search.get("trials") else 1
    return (shared + 1, 2) if shared > 1 else (1, 1)


def _standing(stack: Stack, table: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what costs the same each month, whatever runs."""
    parts = [
        ("key", 1, "key_month", "one; each yearly rotation adds as much"),
        ("alarms", len(stack.alarms), "alarm_month", f"{len(stack.alarms)} alarms"),
        ("dashboard", 1, "dashboard_month", "one"),
    ]
    for what, count, price, how in parts:
        yield _line(what, count * table[price]["usd"], table[price], how)


def _line(
    what: str, least: float, price: Mapping[str, Any], how: str, *, by_run: bool = False, times: float = 1
) -> Line:
    """Return a line of `least` USD, and `times` as much at most."""
    source = price["source"]
    if "url" in price:
        hand = "first-hand" if price["first_hand"] else "second-hand"
        source = f"{source} ({hand}, {price['date']}): {price['url']}"
    return Line(
        what=what,
        least=least,
        most=least * times,
        by_run=by_run,
        how=how,
        source=source,
        first_hand=price["first_hand"],
    )
