"""What a stack costs: the table's own figures, by run and by month, with what nobody has confirmed by name."""

import re
from datetime import date
from typing import Any

import pytest

from ml.errors import InputError
from ml.operate.cost import Usage, cost, prices
from tests.ml.operated_stack import OUTPUTS, stack

TRAINED_BY_SAGEMAKER = {**OUTPUTS["training"], "engine": "sagemaker", "instance_type": "ml.m5.xlarge"}


def by_part(answer: Any) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in answer.rows}


def released(**endpoint: Any) -> Any:
    return stack(endpoint={**OUTPUTS["endpoint"], **endpoint})


def test_a_run_of_three_and_eight_minutes_without_a_watch_costs_eight_cents_and_a_second_fleet() -> None:
    """Eleven build minutes at 0.005, fourteen action minutes at 0.002 and eight minutes of one more instance."""
    answer = cost(released(bake_seconds=0), Usage(runs=20))
    assert answer.extra["usd_a_run"] == pytest.approx(11 * 0.005 + 14 * 0.002 + 8 / 60 * 0.115, abs=5e-5)
    assert by_part(answer)["endpoint"]["usd_a_month"] == 83.95


# --- a rollout takes its time, and two fleets


@pytest.mark.parametrize(("traffic", "minutes"), [("all-at-once", 30), ("canary", 2 * 30), ("linear", 4 * 30)])
def test_the_builds_last_as_long_as_an_update_is_watched(traffic: str, minutes: int) -> None:
    parts = by_part(cost(released(traffic=traffic, bake_seconds=1800, instance_count=4, max_instance_count=4), Usage()))
    assert parts["builds"]["usd_a_run"] == pytest.approx((3 + 8 + minutes) * 0.005)
    assert parts["pipeline"]["usd_a_run"] == pytest.approx((3 + 8 + minutes + 3) * 0.002)
    assert parts["second fleet"]["usd_a_run"] == pytest.approx(4 * 0.115 * (8 + minutes) / 60, abs=5e-5)


def test_a_serverless_update_is_not_watched_and_has_no_fleet() -> None:
    parts = by_part(cost(released(kind="serverless", traffic="all-at-once", bake_seconds=1800), Usage()))
    assert parts["builds"]["usd_a_run"] == pytest.approx(11 * 0.005)
    assert "second fleet" not in parts


def test_an_endpoint_that_scales_costs_from_its_least_to_its_most_instances() -> None:
    answer = cost(
        released(traffic="linear", bake_seconds=1800, instance_count=4, max_instance_count=10), Usage(runs=20)
    )
    parts = by_part(answer)
    serving, fleet, total = parts["endpoint"], parts["second fleet"], parts["total"]
    assert (serving["usd_a_month"], serving["usd_a_month_most"]) == (335.80, 839.50)
    assert serving["how"].startswith("4 to 10 x ml.m5.large")
    assert fleet["usd_a_run_most"] == pytest.approx(10 * 0.115 * 128 / 60, abs=5e-5)
    assert fleet["usd_a_month_most"] == pytest.approx(20 * 10 * 0.115 * 128 / 60, abs=5e-3)
    assert total["usd_a_month_most"] - total["usd_a_month"] == pytest.approx(
        6 * 0.115 * (730 + 20 * 128 / 60), abs=0.02
    )
    assert answer.extra["usd_a_month_most"] == total["usd_a_month_most"]


def test_an_endpoint_that_does_not_scale_has_one_price() -> None:
    for changes in ({}, {"kind": "serverless", "max_instance_count": 9}):
        answer = cost(released(**changes), Usage())
        assert all(row["usd_a_month"] == row["usd_a_month_most"] for row in answer.rows)


# --- prices have a region


def test_another_region_than_the_prices_own_is_warned_of_and_leaves_none_verified() -> None:
    answer = cost(stack(region="eu-central-1"), Usage())
    assert answer.notes[0].startswith("The stack is in eu-central-1, the prices are those of us-east-1")
    assert (answer.extra["region_differs"], answer.extra["prices_of"]) == (True, "us-east-1")
    assert set(answer.extra["not_verified"]) == set(by_part(answer)) - {"total"}


def test_in_the_prices_own_region_there_is_no_such_warning() -> None:
    answer = cost(stack(), Usage())
    assert not any("eu-" in note or "The stack is in" in note for note in answer.notes)
    assert answer.extra["region_differs"] is False
    assert not {"pipeline", "key"} & set(answer.extra["not_verified"])


def test_a_price_that_a_person_named_is_theirs_in_every_region() -> None:
    answer = cost(stack(region="eu-central-1"), Usage(), instance_hour=0.138)
    assert not {"endpoint", "second fleet"} & set(answer.extra["not_verified"])
    assert by_part(answer)["endpoint"]["source"] == "--instance-hour"


# --- the parts


def test_the_total_is_the_sum_of_its_parts_however_many_runs_there_are() -> None:
    for runs in (0, 1, 20, 1000):
        answer = cost(stack(), Usage(runs=runs))
        parts = by_part(answer)
        total = parts.pop("total")
        assert total["usd_a_month"] == pytest.approx(sum(row["usd_a_month"] for row in parts.values()), abs=0.03)
        assert total["usd_a_run"] == pytest.approx(sum(row["usd_a_run"] or 0 for row in parts.values()), abs=0.0003)


def test_a_training_job_costs_its_seconds_and_the_build_that_waits_for_it() -> None:
    here, there = (cost(stack(training=training), Usage(training_seconds=3600)) for training in (
        OUTPUTS["training"], TRAINED_BY_SAGEMAKER,
    ))  # fmt: skip
    assert "training jobs" not in by_part(here)
    assert by_part(there)["training jobs"]["usd_a_run"] == pytest.approx(0.23)
    waited = by_part(there)["builds"]["usd_a_run"] - by_part(here)["builds"]["usd_a_run"]
    assert waited == pytest.approx((60 + 3) * 0.005)
    assert "training jobs" in there.extra["not_verified"]


@pytest.mark.parametrize(
    ("search", "jobs", "rounds"),
    [
        ({"trials": 0, "folds": 3, "parallel_jobs": 4}, 1, 1),
        ({"trials": 20, "folds": 3, "parallel_jobs": 1}, 1, 1),
        ({"trials": 20, "folds": 3, "parallel_jobs": 4}, 5, 2),
    ],
)
def test_a_search_that_jobs_share_costs_each_of_them_and_the_one_that_fits(
    search: dict[str, int], jobs: int, rounds: int
) -> None:
    parts = by_part(cost(stack(training={**TRAINED_BY_SAGEMAKER, "search": search}), Usage(training_seconds=3600)))
    assert parts["training jobs"]["usd_a_run"] == pytest.approx(jobs * 0.23)
    assert parts["builds"]["usd_a_run"] == pytest.approx((3 + 8 + 5 + rounds * 63) * 0.005)


def test_a_serverless_endpoint_costs_its_requests() -> None:
    endpoint = {**OUTPUTS["endpoint"], "kind": "serverless", "memory_mb": 3072}
    answer = cost(stack(endpoint=endpoint), Usage(requests=1_000_000, request_seconds=0.1))
    # 100 000 seconds at 0.00006 for 3 GB, and 2 GB of data at 0.016.
    assert by_part(answer)["endpoint"]["usd_a_month"] == pytest.approx(6.03)
    assert "endpoint" in answer.extra["not_verified"]


def test_what_the_table_does_not_know_is_told_and_an_instance_can_be_priced_by_hand() -> None:
    endpoint = {**OUTPUTS["endpoint"], "instance_type": "ml.p5.48xlarge", "instance_count": 2}
    with pytest.raises(InputError, match=r"ml.p5.48xlarge is not in prices.json.*--instance-hour USD"):
        cost(stack(endpoint=endpoint), Usage())
    assert by_part(cost(stack(endpoint=endpoint), Usage(), instance_hour=10))["endpoint"]["usd_a_month"] == 14_600


def test_a_build_machine_without_a_known_price_is_told() -> None:
    training = {**OUTPUTS["training"], "compute_type": "BUILD_GENERAL1_2XLARGE"}
    with pytest.raises(InputError, match=r"BUILD_GENERAL1_2XLARGE is not in prices.json.*Add it with its source"):
        cost(stack(training=training), Usage())


def test_every_price_says_where_and_when_it_was_read_and_whether_aws_says_it() -> None:
    def entries(node: Any) -> Any:
        for value in node.values():
            if isinstance(value, dict):
                yield from [value] if "usd" in value else entries(value)

    found = list(entries(prices()))
    assert len(found) > 15
    for entry in found:
        assert entry["source"]
        assert entry["usd"] > 0
        assert re.fullmatch(r"https://[^/ ]+/\S*", entry["url"])
        assert date.fromisoformat(entry["date"]) <= date.fromisoformat(prices()["date"])
        assert not entry["first_hand"] or entry["url"].startswith("https://aws.amazon.com/")


def test_every_line_of_the_table_tells_its_source() -> None:
    parts = by_part(cost(stack(), Usage()))
    assert parts["pipeline"]["source"].endswith(
        f"(first-hand, {prices()['action_minute']['date']}): https://aws.amazon.com/codepipeline/pricing/"
    )
    assert "(second-hand, 2026-" in parts["builds"]["source"]
    assert all("https://" in row["source"] for what, row in parts.items() if what != "total")
