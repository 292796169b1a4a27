"""Training jobs of the emulated account: inputs, command, log and result, with the rights of their own role."""

import io
import json
import tarfile
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import serving_image
from rehearsal.account.cloud import Cloud
from rehearsal.runtimes.training_jobs import TrainingJobs
from tests.rehearsal.conftest import Roles
from tests.rehearsal.runner_account import eventually

REGION = "us-east-1"
BUCKET = "models"
SAGEMAKER = "sagemaker.amazonaws.com"
COPY = 'cat "$SM_INPUT/data/rows/a.csv" > "$SM_MODEL_DIR/answer"; echo "score = 0.75"; env | sort'


@pytest.fixture(scope="module")
def jobs(cloud: Cloud) -> Iterator[TrainingJobs]:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="in/a.csv", Body=b"rows")
    s3.put_object(Bucket=BUCKET, Key="in/a.csv.old", Body=b"old")
    s3.put_object(Bucket=BUCKET, Key="in/manifest", Body=json.dumps([{"prefix": f"s3://{BUCKET}/in/"}, "a.csv"]))
    running = TrainingJobs(cloud)
    yield running
    running.close()


@pytest.fixture(scope="module")
def everything(roles: Roles, allow: Callable[..., dict[str, Any]]) -> str:
    return roles.create(allow("*", "*"), service=SAGEMAKER)


def request(role: str, command: str = COPY, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/in/manifest"}
    return {
        "TrainingJobName": f"job-{uuid.uuid4().hex[:8]}",
        "AlgorithmSpecification": {
            "TrainingImage": serving_image.uri(REGION),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", command],
            "MetricDefinitions": [{"Name": "score", "Regex": "score = ([0-9.]+)"}],
        },
        "RoleArn": role,
        "InputDataConfig": [{"ChannelName": "rows", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out/"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "EnableNetworkIsolation": True,
        **changes,
    }


def until(cloud: Cloud, name: str, *statuses: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.client("sagemaker").describe_training_job(TrainingJobName=name)
        return found if {found["TrainingJobStatus"], found["SecondaryStatus"]} & set(statuses) else None

    found: dict[str, Any] = eventually(reached, seconds=60)
    return found


def ended(cloud: Cloud, wanted: dict[str, Any]) -> dict[str, Any]:
    cloud.client("sagemaker").create_training_job(**wanted)
    return until(cloud, wanted["TrainingJobName"], "Completed", "Failed", "Stopped")


def test_a_job_gets_its_one_object_and_leaves_result_metric_and_log(
    cloud: Cloud, jobs: TrainingJobs, everything: str
) -> None:
    found = ended(cloud, request(everything))
    assert found["TrainingJobStatus"] == "Completed", found

    uri = found["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{BUCKET}/out/{found['TrainingJobName']}/output/model.tar.gz"
    packed = cloud.client("s3").get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        answer = archive.extractfile("answer")
        assert answer is not None and answer.read() == b"rows"
    assert [(one["MetricName"], one["Value"]) for one in found["FinalMetricDataList"]] == [("score", 0.75)]
    assert not (cloud.work / "training" / found["TrainingJobName"] / "ml/input/data/rows/a.csv.old").exists()
    logs = cloud.client("logs")
    (stream,) = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{found['TrainingJobName']}/"
    )["logStreams"]
    events = logs.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    lines = [event["message"] for event in events]
    assert lines[0] == "score = 0.75"
    assert not [line for line in lines if line.startswith("AWS_")]


def test_a_failed_job_gives_the_reason_that_it_wrote_down(cloud: Cloud, jobs: TrainingJobs, everything: str) -> None:
    command = 'printf "no such column" > "$(dirname "$SM_INPUT")/output/failure"; exit 2'
    found = ended(cloud, request(everything, command))

    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"] == "AlgorithmError: no such column, exit code: 2"
    assert "ModelArtifacts" not in found


def test_a_stopped_job_is_told_so_and_is_stopped(cloud: Cloud, jobs: TrainingJobs, everything: str) -> None:
    wanted = request(everything, "exec sleep 60")
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_training_job(**wanted)
    until(cloud, wanted["TrainingJobName"], "Training")

    sagemaker.stop_training_job(TrainingJobName=wanted["TrainingJobName"])
    found = until(cloud, wanted["TrainingJobName"], "Stopped")
    assert "FailureReason" not in found
    with pytest.raises(ClientError, match="in status Stopped and cannot be stopped"):
        sagemaker.stop_training_job(TrainingJobName=wanted["TrainingJobName"])


def test_a_job_ends_at_its_limit(cloud: Cloud, jobs: TrainingJobs, everything: str) -> None:
    found = ended(cloud, request(everything, "exec sleep 60", StoppingCondition={"MaxRuntimeInSeconds": 1}))

    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_name_is_used_once_and_an_unknown_one_is_not_found(cloud: Cloud, jobs: TrainingJobs, everything: str) -> None:
    sagemaker, wanted = cloud.client("sagemaker"), request(everything)
    ended(cloud, wanted)

    with pytest.raises(ClientError, match="ResourceInUse"):
        sagemaker.create_training_job(**wanted)
    with pytest.raises(ClientError, match="Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName="nobodys")


@pytest.mark.parametrize(
    ("missing", "at_start"),
    [
        ("ecr:BatchGetImage", True),
        ("s3:GetObject", False),
        ("s3:ListBucket", False),
        ("s3:PutObject", False),
    ],
)
def test_a_job_needs_what_its_role_may_do(
    missing: str, at_start: bool, cloud: Cloud, jobs: TrainingJobs, roles: Roles, allow: Any
) -> None:
    denied = {"Effect": "Deny", "Action": missing, "Resource": "*"}
    wanted = request(roles.create(allow("*", "*"), denied, service=SAGEMAKER))
    if at_start:
        with pytest.raises(ClientError, match=f"Could not use role .*{missing}"):
            cloud.client("sagemaker").create_training_job(**wanted)
        return
    found = ended(cloud, wanted)
    assert found["TrainingJobStatus"] == "Failed"
    assert missing in found["FailureReason"]


@pytest.mark.parametrize(
    ("part", "action"), [("ResourceConfig", "kms:CreateGrant"), ("OutputDataConfig", "kms:Encrypt")]
)
def test_a_key_is_the_roles_to_use(
    part: str, action: str, cloud: Cloud, jobs: TrainingJobs, roles: Roles, allow: Any
) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    wanted = request(roles.create(allow(["ecr:*", "s3:*", "logs:*"], "*"), service=SAGEMAKER))
    field = {"ResourceConfig": "VolumeKmsKeyId", "OutputDataConfig": "KmsKeyId"}[part]

    with pytest.raises(ClientError, match=f"Could not use role .*{action}"):
        cloud.client("sagemaker").create_training_job(**{**wanted, part: {**wanted[part], field: key}})


def test_a_role_that_sagemaker_may_not_assume_runs_nothing(
    cloud: Cloud, jobs: TrainingJobs, roles: Roles, allow: Any
) -> None:
    with pytest.raises(ClientError, match="Could not use role"):
        cloud.client("sagemaker").create_training_job(**request(roles.create(allow("*", "*"))))


@pytest.mark.parametrize(
    "changes",
    [
        {"EnableNetworkIsolation": False},
        {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
        {"ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}},
    ],
    ids=["network", "vpc", "two machines"],
)
def test_what_is_not_emulated_is_refused(
    changes: dict[str, Any], cloud: Cloud, jobs: TrainingJobs, everything: str
) -> None:
    with pytest.raises(ClientError, match="not emulated"):
        cloud.client("sagemaker").create_training_job(**request(everything, **changes))
