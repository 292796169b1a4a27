"""What a data file may hold, and how each refusal reads."""

import hashlib
import io
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ml.errors import InputError
from ml.table import MAX_CLASSES, Column, read_table


def csv(header: str, *rows: str, times: int = 10) -> bytes:
    return "\n".join([header, *rows * times]).encode() + b"\n"


def parquet(**columns: object) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


def refusal(data: bytes, name: str = "data.csv", target: str = "y") -> str:
    with pytest.raises(InputError) as caught:
        read_table(data, name=name, target=target)
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"{name}: ")
    return text


def test_numeric_table_is_float64_with_integer_classes() -> None:
    table = read_table(csv("a,b,y", "1,2.5,0", "3,,1"), name="data.csv", target="y")

    assert table.columns == (
        Column(name="a", kind="numeric", missing=False),
        Column(name="b", kind="numeric", missing=True),
    )
    assert table.rows.dtype == np.float64
    assert table.rows[0].tolist() == [1.0, 2.5]
    assert np.isnan(table.rows[1, 1])
    assert table.target.dtype == np.int64
    assert sorted(set(table.target.tolist())) == [0, 1]


def test_mixed_table_keeps_text_as_written_and_missing_values_as_none() -> None:
    data = csv("plan,day,paid,n,y", "NA,2024-01-05,True,1,no", '"a, ""b""",2024-02-05,False,,yes', " ,,True,3,no")
    table = read_table(data, name="data.csv", target="y")

    assert [column.kind for column in table.columns] == ["categorical"] * 3 + ["numeric"]
    assert [column.missing for column in table.columns] == [True, True, False, True]
    assert table.rows[0].tolist() == ["NA", "2024-01-05", "True", 1.0]
    assert table.rows[1, :3].tolist() == ['a, "b"', "2024-02-05", "False"]
    assert table.rows[2, :2].tolist() == [None, None]
    assert set(table.target.tolist()) == {"no", "yes"}


def test_parquet_reads_as_csv_does_but_truth_values_are_numbers() -> None:
    n = 10
    data = parquet(
        a=pa.array([1, None] * n),
        flag=pa.array([True, False] * n),
        plan=pa.array(["x", "z"] * n).dictionary_encode(),
        level=pa.array([3, 4] * n).dictionary_encode(),
        day=pa.array([date(2026, 1, 5), None] * n),
        price=pa.array([Decimal("1.50"), Decimal("2.00")] * n),
        y=pa.array([False, True] * n),
    )
    table = read_table(data, name="DATA.PARQUET", target="y")

    assert [(c.name, c.kind, c.missing) for c in table.columns] == [
        ("a", "numeric", True),
        ("flag", "numeric", False),
        ("plan", "categorical", False),
        ("level", "numeric", False),
        ("day", "categorical", True),
        ("price", "numeric", False),
    ]
    assert table.rows[0].tolist() == [1.0, 1.0, "x", 3.0, "2026-01-05", 1.5]
    assert table.target.tolist() == [0, 1] * n


def test_source_and_digest_are_of_the_bytes_read() -> None:
    data = csv("a,y", "1,0", "2,1")
    table = read_table(data, name="s3://bucket/data.csv", target="y")

    assert (table.source, table.sha256) == ("s3://bucket/data.csv", hashlib.sha256(data).hexdigest())


def test_what_is_left_out_is_noted() -> None:
    table = read_table(csv(",a,empty,y", "7,1,,0", "8,2,,1", "9,3,,"), name="data.csv", target="y")

    assert [column.name for column in table.columns] == ["a"]
    assert len(table.rows) == len(table.target) == 20
    assert table.notes == (
        "10 rows without a 'y' are left out",
        "column '' is a row index and is left out",
        "column 'empty' has no values and is left out",
    )


def test_types_are_judged_by_the_whole_file_not_by_its_beginning() -> None:
    rows = ["1,0", "2,1"] * 200_000 + ["none,1"]
    table = read_table(csv("a,y", *rows, times=1), name="data.csv", target="y")

    assert table.columns[0].kind == "categorical"


def test_quoted_line_breaks_belong_to_the_field_wherever_the_file_is_cut() -> None:
    """Arrow reads a file in pieces of a megabyte."""
    table = read_table(csv("a,y", '"one\n\ntwo",0', '"\nx\n",1', times=100_000), name="data.csv", target="y")

    assert set(table.rows[:, 0]) == {"one\n\ntwo", "\nx\n"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"a,y\n", "a header without rows"),
        (csv("a,b,z", "1,2,3"), "no column 'y'; it has 'a', 'b', 'z'. Set training.target"),
        (csv("a,a,y", "1,2,0"), "more than one column is called 'a'"),
        (b"a,y\n1,0\n2\n", "cannot be read: CSV parse error"),
        (b"a,y\n" + b"\xff,0\n" * 9 + b"x,1\n" * 9, "cannot be read"),
        (csv("a,y", "1,1", "2,1"), "target column 'y' is always 1"),
        (csv("a,y", "1,no", "2,no"), "target column 'y' is always 'no'"),
        (csv("a,y", "1,", "2,"), "target column 'y' is empty in every row"),
        (csv("a,y", "1,0", "2,1", times=7), "target column 'y' is 0 in 7 rows only; 8 of each class are needed"),
        (csv("a,y", "1,0.5", "2,1.5"), "target column 'y' has 2 different values: a quantity, not classes"),
        (
            csv("a,y", *[f"1,{n}" for n in range(MAX_CLASSES + 1)]),
            f"target column 'y' has {MAX_CLASSES + 1} different values: a quantity",
        ),
        (
            csv("a,y", *[f"1,w{n}" for n in range(MAX_CLASSES + 1)]),
            f"target column 'y' has {MAX_CLASSES + 1} different values: free text",
        ),
        (csv("a,y", "inf,0", "2,1"), "column 'a' holds an infinite or too large number"),
        (csv("a,y", "1e39,0", "2,1"), "column 'a' holds an infinite or too large number"),
        (csv("a,y", ",0", ",1"), "no column beside 'y' holds a value"),
    ],
)
def test_unusable_csv_is_refused_in_one_line(data: bytes, says: str) -> None:
    assert says in refusal(data)


def test_unreadable_or_nested_parquet_is_refused_in_one_line() -> None:
    assert "cannot be read" in refusal(b"PAR1 but no more", name="data.parquet")
    assert "cannot be read" in refusal(parquet(a=[1], y=[1])[:-9], name="data.parquet")
    nested = parquet(a=pa.array([[1], [2]] * 10), y=[0, 1] * 10)
    assert "column 'a' holds list" in refusal(nested, name="data.parquet")


def test_other_formats_are_refused_by_their_name() -> None:
    assert "neither .csv nor .parquet" in refusal(b"a,y\n1,2\n", name="data.xlsx")
