"""Where the table comes from."""

from functools import partial
from types import SimpleNamespace

import pytest

from ml import data, storage, usecases
from ml.errors import InputError

CHURN = usecases.load("churn")


def unread(uri: str) -> bytes:
    return storage.read(None, uri)  # type: ignore[arg-type]  # never asked


def test_without_a_uri_the_use_case_makes_its_own_table() -> None:
    table = data.load("", target="churned", task="classification", use_case=CHURN, read=unread)

    assert table.source == "synthetic customers"


def test_the_synthetic_table_has_no_other_target() -> None:
    with pytest.raises(InputError, match="training.target is 'left', but .* the label is 'churned'"):
        data.load("", target="left", task="classification", use_case=CHURN, read=unread)


def test_a_uri_is_read_from_s3(aws: SimpleNamespace, mixed_csv: bytes) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="in/customers.csv", Body=mixed_csv)
    table = data.load(
        f"s3://{aws.bucket}/in/customers.csv",
        target="churned",
        task="classification",
        use_case=CHURN,
        read=partial(storage.read, aws.s3),
    )

    assert (table.source, len(table.rows)) == (f"s3://{aws.bucket}/in/customers.csv", 240)
    left_out = "column 'customer' has another text in nearly every row: it is in the record but not in the model"
    assert table.notes[-1] == left_out
    assert left_out in data.lines(table)


def test_an_absent_object_is_one_line_with_its_uri(aws: SimpleNamespace) -> None:
    uri = f"s3://{aws.bucket}/none.csv"
    with pytest.raises(InputError, match=f"^{uri}: NoSuchKey. Check training.dataUri"):
        data.load(uri, target="y", task="classification", use_case=CHURN, read=partial(storage.read, aws.s3))


@pytest.mark.parametrize("uri", ["/tmp/data.csv", "s3://bucket", "s3:///key.csv", "http://host/key.csv"])
def test_anything_but_an_s3_object_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="is not an object in S3"):
        data.load(uri, target="y", task="classification", use_case=CHURN, read=unread)


def test_an_unknown_use_case_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="use case 'os' is not known; there is churn"):
        usecases.load("os")
