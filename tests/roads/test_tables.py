"""A real table on the road: raw records with text and gaps are served; unusable tables end in one line."""

from collections.abc import Iterator

import pytest

from rehearsal.grants import never_used
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import DATA_BUCKET, make_plan
from rehearsal.road import Road, open_road
from tests.silence import Silent

TABLE_ROWS = 240


def customers(header: str = "plan,tenure,calls,region,left_us", *, left: str | None = None) -> bytes:
    """A small table with text, missing values in both kinds of column, and a text target that can be learnt."""
    rows = []
    for n in range(TABLE_ROWS):
        leaves = left if left is not None else ("yes" if n % 3 == 0 else "no")
        plan = "" if n % 17 == 0 else ("basic" if n % 3 == 0 else "premium")
        tenure = "" if n % 13 == 0 else str(n % 3 * 10 + n % 7)
        rows.append(f"{plan},{tenure},{n % 5},{'north' if n % 2 else 'south, east'!r},{leaves}".replace("'", '"'))
    return "\n".join([header, *rows, ""]).encode()


@pytest.fixture(scope="module")
def table_road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("table")
    table = folder / "customers.csv"
    table.write_bytes(customers())
    plan = make_plan("dev", [("thresholds.accuracy", "0.8")], data=table, target="left_us")
    with open_road(plan, work=folder / "work", progress=Silent()) as road:
        yield road


def test_a_real_table_becomes_a_model_that_serves_raw_records(table_road: Road) -> None:
    execution = table_road.follow(table_road.push("Our customers"))
    assert execution.status == SUCCEEDED, execution.actions[-1].message

    answer = table_road.ask('basic,3,1,"south, east"\npremium,,2,somewhere new\n', "text/csv")

    assert [prediction["label"] for prediction in answer["predictions"]] == ["yes", "no"]
    assert table_road.cloud.journal.denied() == ()
    unused = never_used(table_road.policies(), table_road.cloud.journal.calls())
    assert "ReadTrainingData" not in {grant.sid for grant in unused}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (customers("plan,tenure,calls,region,gone"), "left_us"),
        (b"", "empty"),
        (customers(left="no"), "no"),
    ],
    ids=["no target column", "empty file", "one class"],
)
def test_a_table_that_cannot_be_learnt_from_ends_with_one_line_and_nothing_registered(
    table_road: Road, content: bytes, cause: str
) -> None:
    table_road.cloud.client("s3").put_object(Bucket=DATA_BUCKET, Key="customers.csv", Body=content)
    before = len(table_road.packages())
    (table_road.developer.directory / "NOTE").write_text(cause + str(len(content)))

    execution = table_road.follow(table_road.push("Other customers"))

    message = execution.actions[-1].message
    assert [run.stage for run in execution.actions if run.status == FAILED] == ["Build"]
    assert message.count("error: ") == 1
    assert cause in message.partition("error: ")[2]
    assert len(table_road.packages()) == before
