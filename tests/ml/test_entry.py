"""How entries end: one line for what can be repaired, a trace for a defect."""

from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from ml import entry
from ml.errors import InputError, RoadError


def raising(error: Exception) -> object:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (RoadError("endpoint x rolled back.\nLook at it"), 1, "error: endpoint x rolled back. Look at it"),
        (InputError("data.csv: the file is empty"), 2, "error: data.csv: the file is empty"),
        (NoCredentialsError(), 1, "error: AWS cannot be reached: Unable to locate credentials"),
    ],
)  # fmt: skip
def test_an_expected_fault_is_one_line_and_its_status(
    error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(raising(error)) == status
    assert capsys.readouterr().err == line + "\n"


def test_a_refusal_by_aws_names_operation_and_code(client_error: Any, capsys: pytest.CaptureFixture[str]) -> None:
    error = client_error("AccessDeniedException", "role x is not\nauthorized", "CreateModel")

    assert entry.run(raising(error)) == 1
    assert capsys.readouterr().err == "error: CreateModel: AccessDeniedException: role x is not authorized\n"


def test_a_defect_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        entry.run(raising(ZeroDivisionError()))


def test_success_is_zero() -> None:
    assert entry.run(lambda: None) == 0


def test_every_absent_key_is_named_at_once() -> None:
    with pytest.raises(InputError, match="^environment: B, C not set"):
        entry.values({"A": "1", "B": "  "}, ["A", "B", "C"])

    assert entry.values({"A": " 1 "}, ["A"]) == {"A": "1"}


def test_clients_retry_eight_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    retries = entry.client("s3").meta.config.retries

    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 8)
