"""One training job: its inputs brought, its command run in folders that stand for /opt/ml, its result stored.

SageMaker developer guide, "How Amazon SageMaker Runs Your Training Image", "Provides Training Information" and
"Processes Training Output". The folders of the image's variables are elsewhere here; the command must use these.
"""

import io
import json
import re
import tarfile
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import AwsError, Cloud, Credentials
from rehearsal.account.log_stream import ForgivingLog, LogStream
from rehearsal.runtimes.training_process import TrainingProcess

SAGEMAKER = "sagemaker.amazonaws.com"
IN_PROGRESS, COMPLETED, FAILED = "InProgress", "Completed", "Failed"
STOPPING, STOPPED = "Stopping", "Stopped"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_REASON_CHARACTERS = 1024


class JobError(Exception):
    """The job cannot go on; the text is its FailureReason."""


class TrainingJob:
    """Safe to use from any thread."""

    def __init__(self, cloud: Cloud, params: Mapping[str, Any], arn: str) -> None:
        self._cloud = cloud
        self._params = params
        self._arn = arn
        self._name = str(params["TrainingJobName"])
        self._folder = cloud.work / "training" / self._name / "ml"
        self._process = TrainingProcess()
        self._lock = threading.Lock()
        self._created = datetime.now(UTC)
        self._began: float | None = None
        self._facts: dict[str, Any] = {"TrainingJobStatus": IN_PROGRESS, "SecondaryStatus": "Starting"}
        self._metrics: dict[str, float] = {}

    def start(self) -> None:
        """Run the job in a thread of its own."""
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Ask the process to end. Raises AwsError unless the job is in progress."""
        with self._lock:
            if self._facts["TrainingJobStatus"] != IN_PROGRESS:
                text = f"The training job is in status {self._facts['TrainingJobStatus']} and cannot be stopped."
                raise AwsError("ValidationException", text)
            self._facts |= {"TrainingJobStatus": STOPPING, "SecondaryStatus": STOPPING}
        self._process.terminate()

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()

    def describe(self) -> dict[str, Any]:
        """Return the job in the shape of DescribeTrainingJob."""
        shown = {key: value for key, value in self._params.items() if key != "Tags"}
        with self._lock:
            metrics = [
                {"MetricName": name, "Value": value, "Timestamp": datetime.now(UTC)}
                for name, value in self._metrics.items()
            ]
            return {
                **shown,
                "TrainingJobArn": self._arn,
                "CreationTime": self._created,
                "LastModifiedTime": datetime.now(UTC),
                **self._facts,
                **({"FinalMetricDataList": metrics} if metrics else {}),
            }

    # --- the job's life ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            credentials = self._cloud.assume(
                self._params["RoleArn"], SAGEMAKER, source_arn=self._arn, session="SageMaker"
            )
            self._enter("Downloading")
            self._bring_inputs(credentials)
            self._enter("Training")
            ended = self._train(credentials)
            if ended:
                self._finish(STOPPED, ended)
                return
            self._enter("Uploading")
            self._store(credentials)
            self._finish(COMPLETED, COMPLETED)
        except (JobError, AwsError) as error:
            self._finish(FAILED, FAILED, reason=error.message if isinstance(error, AwsError) else str(error))
        except Exception as fault:
            # Ours, not the job's: nobody may wait for a job that is never going to end.
            self._finish(FAILED, FAILED, reason=f"the rehearsal itself failed: {type(fault).__name__}: {fault}")
            raise

    def _enter(self, secondary: str) -> None:
        with self._lock:
            if self._facts["TrainingJobStatus"] == IN_PROGRESS:
                self._facts["SecondaryStatus"] = secondary
        self._cloud.progress.note(self._name, secondary)

    def _finish(self, status: str, secondary: str, reason: str = "") -> None:
        seconds = int(time.monotonic() - self._began) if self._began else 0
        with self._lock:
            self._facts |= {
                "TrainingJobStatus": status,
                "SecondaryStatus": secondary,
                "TrainingEndTime": datetime.now(UTC),
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
            }
            if reason:
                self._facts["FailureReason"] = reason[:_REASON_CHARACTERS]
        self._cloud.progress.note(self._name, f"{status}: {reason}" if reason else status)

    def _bring_inputs(self, credentials: Credentials) -> None:
        s3 = self._cloud.client("s3", credentials)
        for channel in self._params.get("InputDataConfig", []):
            source, folder = channel["DataSource"]["S3DataSource"], self._folder / "input/data" / channel["ChannelName"]
            if source["S3DataType"] != "ManifestFile":
                raise NotImplementedError(f"a channel of type {source['S3DataType']}")
            try:
                prefix, *files = json.loads(_read(s3, source["S3Uri"]))
                for file in files:
                    target = folder / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(_read(s3, prefix["prefix"] + file))
            except ClientError as error:
                text = f"ClientError: Data download failed: {as_aws_error(error).message}"
                raise JobError(f"{text}, {source['S3Uri']}") from error
        config = self._folder / "input/config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(self._params.get("HyperParameters", {})))
        (self._folder / "model").mkdir()
        (self._folder / "output").mkdir()

    def _train(self, credentials: Credentials) -> str:
        """Run the command. Return why it was ended from outside, empty when it ended by itself; raises JobError."""
        self._began = time.monotonic()
        logs = self._cloud.client("logs", credentials)
        self._make_log_group(logs)
        stream = LogStream(logs, group=LOG_GROUP, stream=f"{self._name}/algo-1-{int(time.time())}")
        log = ForgivingLog(stream, lambda text: self._cloud.progress.note(self._name, text))

        def on_line(line: str) -> None:
            """Keep one line, show it, and look for metrics in it."""
            log.add(line)
            log.write()
            self._note_metrics(line)

        algorithm = self._params["AlgorithmSpecification"]
        status = self._process.run(
            [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])],
            folder=self._folder,
            seconds=self._params["StoppingCondition"]["MaxRuntimeInSeconds"],
            on_line=on_line,
        )
        if self._process.ended_late:
            return "MaxRuntimeExceeded"
        with self._lock:
            if self._facts["TrainingJobStatus"] == STOPPING:
                return STOPPED
        if status != 0:
            told = self._folder / "output/failure"
            reason = told.read_text(errors="replace") if told.exists() else ""
            raise JobError(f"AlgorithmError: {reason[:900]}, exit code: {status}")
        return ""

    def _make_log_group(self, logs: Any) -> None:
        """The first job of an account makes the group, with the rights of its role."""
        try:
            logs.create_log_group(logGroupName=LOG_GROUP)
        except logs.exceptions.ResourceAlreadyExistsException:
            return
        except ClientError as error:
            self._cloud.progress.note(self._name, f"log lines lost: {as_aws_error(error).message}")

    def _note_metrics(self, line: str) -> None:
        for definition in self._params["AlgorithmSpecification"].get("MetricDefinitions", []):
            if found := re.search(definition["Regex"], line):
                with self._lock:
                    self._metrics[definition["Name"]] = float(found[1])

    def _store(self, credentials: Credentials) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path in sorted((self._folder / "model").rglob("*")):
                archive.add(path, path.relative_to(self._folder / "model").as_posix(), recursive=False)
        output = self._params["OutputDataConfig"]
        uri = f"{output['S3OutputPath'].rstrip('/')}/{self._name}/output/model.tar.gz"
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        key_arn = output.get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_arn} if key_arn else {}
        try:
            self._cloud.client("s3", credentials).put_object(
                Bucket=bucket, Key=key, Body=packed.getvalue(), **encryption
            )
        except ClientError as error:
            text = f"ClientError: Artifact upload failed: {as_aws_error(error).message}"
            raise JobError(text) from error
        with self._lock:
            self._facts["ModelArtifacts"] = {"S3ModelArtifacts": uri}


def _read(s3: Any, uri: str) -> bytes:
    """Return one object. It is looked for first, as the guide's execution role for training jobs may list buckets."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
    if key not in {each["Key"] for each in found}:
        raise JobError(f"ClientError: Data download failed: no object at {uri}")
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
