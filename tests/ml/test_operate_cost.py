"""What a stack costs: the table's own figures, by run and by month, with what nobody has confirmed by name."""

from typing import Any

import pytest

from ml.errors import InputError
from ml.operate.cost import Usage, cost, prices
from tests.ml.operated_stack import OUTPUTS, stack

TRAINED_BY_SAGEMAKER = {**OUTPUTS["training"], "engine": "sagemaker", "instance_type": "ml.m5.xlarge"}


def by_part(answer: Any) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in answer.rows}


def test_a_run_of_three_and_eight_minutes_costs_eight_cents() -> None:
    """Eleven build minutes at 0.005 and fourteen action minutes at 0.002."""
    answer = cost(stack(), Usage(runs=20))
    assert answer.extra["usd_a_run"] == pytest.approx(11 * 0.005 + 14 * 0.002)
    assert by_part(answer)["endpoint"]["usd_a_month"] == 83.95


def test_the_total_is_the_sum_of_its_parts_however_many_runs_there_are() -> None:
    for runs in (0, 1, 20, 1000):
        answer = cost(stack(), Usage(runs=runs))
        parts = by_part(answer)
        total = parts.pop("total")
        assert total["usd_a_month"] == pytest.approx(sum(row["usd_a_month"] for row in parts.values()), abs=0.03)
        assert total["usd_a_run"] == pytest.approx(sum(row["usd_a_run"] or 0 for row in parts.values()), abs=0.0002)


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
    assert parts["builds"]["usd_a_run"] == pytest.approx((3 + 8 + rounds * 63) * 0.005)


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


def test_every_price_has_a_source_and_says_whether_it_is_certain() -> None:
    def entries(node: Any) -> Any:
        for value in node.values():
            if isinstance(value, dict):
                yield from [value] if "usd" in value else entries(value)

    found = list(entries(prices()))
    assert len(found) > 15
    assert all(entry["source"] and entry["usd"] > 0 and isinstance(entry["certain"], bool) for entry in found)
