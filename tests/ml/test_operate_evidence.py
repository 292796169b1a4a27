"""A report is what was registered, byte for byte, or an error that says what is wrong with it."""

import io
import webbrowser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import contract, storage
from ml.errors import InputError, RoadError
from ml.gate import EvidenceError
from ml.operate import evidence
from tests.ml.operated_stack import BUCKET, aws, raising, stack, version

BODY = b"<html>well measured</html>"
KEY = f"reports/{storage.sha256(BODY)}/report.html"
URI = f"s3://{BUCKET}/{KEY}"
DOCUMENT = b'{"task": "classification"}'


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Fetch what a version with this report has, from a bucket with these objects."""
    stored = {KEY: BODY, f"evaluations/{storage.sha256(DOCUMENT)}/evaluation.json": DOCUMENT}
    account = aws(s3=SimpleNamespace(get_object=lambda Bucket, Key: {"Body": io.BytesIO(stored[Key])}))
    monkeypatch.chdir(tmp_path)

    def run(report: str = URI, **options: Any) -> Any:
        metadata = {contract.METADATA_REPORT: report} if report else {}
        found = version(7, body=DOCUMENT, **metadata)
        monkeypatch.setattr(evidence, "version_in_question", lambda aws, stack, about: found)
        given = {"evaluated": False, "to": None, "open_it": False, **options}
        return evidence.fetch(account, stack(), "7", **given)

    run.stored, run.account = stored, account  # type: ignore[attr-defined]
    return run


def test_the_report_is_written_and_the_answer_says_where(fetch: Any, tmp_path: Path) -> None:
    [row] = fetch().rows
    assert row["file"] == "ChurnPredictionModels-7-report.html"
    assert (tmp_path / row["file"]).read_bytes() == BODY
    assert row["sha256"] == storage.sha256(BODY)
    [row] = fetch(to=tmp_path / "r.html").rows
    assert (tmp_path / "r.html").read_bytes() == BODY


def test_the_evaluation_comes_the_same_way(fetch: Any, tmp_path: Path) -> None:
    [row] = fetch(report="", evaluated=True).rows
    assert row["file"] == "ChurnPredictionModels-7-evaluation.json"
    assert (tmp_path / row["file"]).read_bytes() == DOCUMENT


def test_a_version_without_a_report_says_so_and_names_the_evaluation(fetch: Any) -> None:
    with pytest.raises(RoadError, match="version 7 was registered without a report.*report --evaluation 7"):
        fetch(report="")


def test_a_report_that_was_changed_is_not_written(fetch: Any, tmp_path: Path) -> None:
    fetch.stored[KEY] = BODY + b"<script>"
    with pytest.raises(RoadError, match="not the one in its key: somebody changed it"):
        fetch()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://elsewhere/{KEY}",
        f"s3://{BUCKET}/models/{storage.sha256(BODY)}/report.html",
        f"s3://{BUCKET}/reports/{storage.sha256(BODY)}/report.htm",
        f"s3://{BUCKET}/reports/report.html",
        f"https://example.com/{KEY}",
    ],
)
def test_a_report_from_anywhere_else_is_not_trusted(fetch: Any, uri: str, tmp_path: Path) -> None:
    with pytest.raises(RoadError, match="do not trust it|not the one in its key"):
        fetch(report=uri)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_is_gone_is_one_line(fetch: Any) -> None:
    fetch.account.client("s3").get_object = raising("NoSuchKey")
    with pytest.raises(RoadError, match="does not exist. Find out who removed it"):
        fetch()
    with pytest.raises(EvidenceError, match="does not exist"):
        fetch(evaluated=True)


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_fault_of_aws_is_not_taken_for_a_missing_file(fetch: Any, evaluated: bool) -> None:
    fetch.account.client("s3").get_object = raising("AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        fetch(evaluated=evaluated)


def test_a_browser_is_opened_only_when_asked_for(fetch: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or len(opened) == 1)
    fetch()
    assert opened == []
    assert fetch(open_it=True).notes == []
    assert opened == [(tmp_path / "ChurnPredictionModels-7-report.html").as_uri()]
    assert "No browser could be started" in fetch(open_it=True).notes[0]


def test_a_file_that_cannot_be_written_is_told(fetch: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written.*--to"):
        fetch(to=tmp_path / "nowhere/report.html")
