"""What runs in a training job: the packed code alone, in folders like the image's, without network or credentials."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import contract, made, search, storage, training_channels, training_request, training_source
from ml.errors import InputError
from ml.training_log import JobLog

pytestmark = pytest.mark.slow

HYPERPARAMETERS = {
    "MODEL_BUCKET": "models",
    "MODEL_PACKAGE_GROUP": "ChurnPredictionModels",
    "USE_CASE": "churn",
    "DATA_URI": "s3://rows/2026/customers.csv",
    "TARGET_COLUMN": "churned",
    "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
    "PIPELINE_EXECUTION_ID": "1",
    "COMMIT_ID": "0123abc",
    "REPOSITORY_NAME": "repo",
    "EXECUTION_URL": "https://console.aws.amazon.com/an-execution",
    "ENDPOINT_NAME": "mle-004-churn",
    "THRESHOLDS": '{"accuracy": 0.85}',
    "GATE": '{"basis": "point", "championMargin": null, "confidence": 0.95}',
    "TRAINING_CHAMPION": "null",
}


def run_job(folder: Path, table: bytes, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the job's own command, as SageMaker does once the channels are filled."""
    files = {
        "input/config/hyperparameters.json": json.dumps(HYPERPARAMETERS | variables).encode(),
        f"input/data/source/{training_channels.SOURCE_FILE}": training_source.archive(),
        f"input/data/{training_channels.name(HYPERPARAMETERS['DATA_URI'])}/customers.csv": table,
    }
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    (folder / "model").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(sys.executable)
    environment = {
        "PATH": f"{folder / 'bin'}:{os.defpath}",
        "TMPDIR": str(folder),
        "SM_INPUT": str(folder / "input"),
        "SM_MODEL_DIR": str(folder / "model"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("site-packages")),
    }
    command = ["/bin/sh", "-c", training_request.COMMAND]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def test_a_job_leaves_a_model_that_the_build_takes(tmp_path: Path, mixed_csv: bytes) -> None:
    job = run_job(tmp_path, mixed_csv)
    assert job.returncode == 0, job.stderr

    left = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    result = made.read(left, origin="the job")
    assert result.summary.startswith("churn: accuracy ")
    assert f"metric: accuracy = {result.metrics['accuracy']:.6f}" in job.stdout.splitlines()


def test_a_job_that_tries_a_share_leaves_what_it_has_found(tmp_path: Path, mixed_csv: bytes) -> None:
    job = run_job(tmp_path, mixed_csv, TRAINING_SEARCH='{"trials": 2, "folds": 2}', TRAINING_SHARE="0/2")
    assert job.returncode == 0, job.stderr

    (left,) = (tmp_path / "model").iterdir()
    assert [trial.index for trial in search.read(left.read_bytes()).trials] == [0]


def test_why_a_job_failed_is_one_line_where_sagemaker_looks_for_it(tmp_path: Path, mixed_csv: bytes) -> None:
    job = run_job(tmp_path, mixed_csv, TARGET_COLUMN="left_us")

    told = (tmp_path / "output/failure").read_text()
    assert job.returncode == 2
    assert "left_us" in told and told.count("\n") == 0
    assert job.stderr.strip() == f"error: {told}"
    assert list((tmp_path / "model").iterdir()) == []


# --- the code and the data on their way


def test_the_code_is_packed_to_the_same_bytes_and_is_all_of_ours() -> None:
    packed = training_source.archive()
    names = set(made.unpack(packed, origin="the source"))

    assert packed == training_source.archive()
    assert {"ml/training_entry.py", "ml/usecases/churn.py", "ml/evaluation/__init__.py"} <= names
    assert not any("__pycache__" in name for name in names)


def test_a_manifest_names_one_object() -> None:
    assert json.loads(training_channels.manifest("s3://rows/customers.csv")) == [
        {"prefix": "s3://rows/"},
        "customers.csv",
    ]


def test_a_file_is_found_by_its_address_and_no_other_is_taken_for_it(tmp_path: Path) -> None:
    folder = tmp_path / training_channels.name("s3://a/rows.csv")
    folder.mkdir()
    (folder / "rows.csv").write_bytes(b"a")
    read: storage.Read = training_channels.reader(tmp_path)

    assert read("s3://a/rows.csv") == b"a"
    with pytest.raises(InputError, match="s3://b/rows.csv: the training job was given no channel for it"):
        read("s3://b/rows.csv")


# --- the log


class Logs:
    """One stream whose events come in pages; the last token repeats, as CloudWatch Logs does it."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = list(pages)
        self.asked: list[Any] = []

    def describe_log_streams(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {"logStreams": [{"logStreamName": "job/algo-1-1"}]}

    def get_log_events(self, *, nextToken: str = "0", **_: Any) -> dict[str, Any]:
        at = int(nextToken)
        events = [{"message": line} for line in self.pages[at]] if at < len(self.pages) else []
        return {"events": events, "nextForwardToken": str(min(at + 1, len(self.pages)))}


def test_every_line_is_said_once_and_in_order() -> None:
    said: list[str] = []
    logs = Logs(["one", "two"], ["three"])
    log = JobLog(logs, "job", said.append)

    log.follow()
    log.follow()
    logs.pages.append(["four\tand more"])
    log.follow()

    assert said == ["job: one", "job: two", "job: three", "job: four and more"]
    assert logs.asked[0] == {"logGroupName": contract.TRAINING_LOG_GROUP, "logStreamNamePrefix": "job/"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ResourceNotFoundException", []),
        (
            "AccessDeniedException",
            ["job: its log cannot be read: AccessDeniedException. It is in /aws/sagemaker/TrainingJobs"],
        ),
    ],
)
def test_a_log_that_cannot_be_read_is_mentioned_once_and_ends_nothing(code: str, said: list[str]) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeLogStreams")

    heard: list[str] = []
    log = JobLog(SimpleNamespace(describe_log_streams=refuse), "job", heard.append)
    log.follow()
    log.follow()

    assert heard == said
