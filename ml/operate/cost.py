"""What a stack costs: for each month that it stands and for each run of the pipeline. List prices, no invoice."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml import contract
from ml.errors import InputError
from ml.operate.show import Answer
from ml.operate.stack import Stack

PRICES = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How the stack is used: runs of the pipeline in a month, minutes of each build, requests for a serverless one."""

    runs: int = 20
    train_minutes: float = 3
    deploy_minutes: float = 8
    requests: int = 100_000
    request_seconds: float = 0.05


def prices() -> Mapping[str, Any]:
    """Return the table of prices, with its date and sources."""
    found: Mapping[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return found


def cost(stack: Stack, usage: Usage, *, instance_hour: float | None = None) -> Answer:
    """Return a line for each part of the bill in US dollars. `instance_hour` replaces the table's price of an instance.

    Raises InputError for an instance type that the table does not know.
    """
    table = prices()
    lines = [
        _serving(stack, table, usage, instance_hour),
        _builds(stack, table, usage),
        _pipeline(table, usage),
        ("key, alarms and dashboard", _standing(stack, table), "each month, whatever runs"),
    ]
    rows = [{"what": what, "usd_a_month": round(amount, 2), "how": how} for what, amount, how in lines]
    total = round(sum(amount for _, amount, _ in lines), 2)
    run = (_builds(stack, table, usage)[1] + _pipeline(table, usage)[1]) / usage.runs if usage.runs else 0.0
    rows.append({"what": "total", "usd_a_month": total, "how": f"{usage.runs} runs a month, {run:.3f} USD each"})
    return Answer(
        title=f"{stack.endpoint_name}: list prices of {table['region']}, {table['date']}",
        columns=("what", "usd_a_month", "how"),
        rows=rows,
        notes=[f"Sources: {table['sources']}. Storage, requests of S3 and free tiers are left out."],
        extra={"usd_a_run": round(run, 4), "usd_a_month": total},
    )


Line = tuple[str, float, str]


def _serving(stack: Stack, table: Mapping[str, Any], usage: Usage, instance_hour: float | None) -> Line:
    choices = stack.endpoint
    if choices["kind"] == contract.SERVERLESS:
        second = table["serverless_gb_second"] * choices["memory_mb"] / 1024
        amount = usage.requests * usage.request_seconds * second
        return "endpoint", amount, f"{usage.requests} requests of {usage.request_seconds} s, {choices['memory_mb']} MB"
    kind, count = choices["instance_type"], choices["instance_count"]
    hour = table["instance_hour"].get(kind) if instance_hour is None else instance_hour
    if hour is None:
        raise InputError(
            f"the price of {kind} is not in {PRICES.name}, which knows {', '.join(sorted(table['instance_hour']))}."
            " Name it: --instance-hour USD"
        )
    return "endpoint", count * hour * HOURS_A_MONTH, f"{count} x {kind} at {hour} USD an hour"


def _builds(stack: Stack, table: Mapping[str, Any], usage: Usage) -> Line:
    kind = stack.training["compute_type"]
    minute = table["build_minute"].get(kind)
    if minute is None:
        raise InputError(f"the price of {kind} is not in {PRICES.name}. Add it with its source")
    minutes = math.ceil(usage.train_minutes) + math.ceil(usage.deploy_minutes)
    return "builds", usage.runs * minutes * minute, f"{minutes} minutes of {kind} a run"


def _pipeline(table: Mapping[str, Any], usage: Usage) -> Line:
    minutes = math.ceil(usage.train_minutes) + math.ceil(usage.deploy_minutes) + 3
    paid = max(0, usage.runs * minutes - table["free_action_minutes"])
    return (
        "pipeline",
        paid * table["action_minute"],
        f"{minutes} action minutes a run, {table['free_action_minutes']} free",
    )


def _standing(stack: Stack, table: Mapping[str, Any]) -> float:
    return float(table["key_month"] + len(stack.alarms) * table["alarm_month"] + table["dashboard_month"])
