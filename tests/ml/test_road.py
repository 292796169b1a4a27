"""From a commit to a prediction: the three entries in turn, on an emulated account and with the packed code."""

import importlib.util
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ml import create_model_package, deploy_model, lambda_auto_approve, usecases
from ml.build_environment import BuildEnvironment
from ml.deploy_model import DeployEnvironment
from ml.errors import RoadError
from ml.rollout import Clients

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/SageMaker-MLE-004-Role"
JOB_ID = "0123abcd-1111-2222-3333-0123456789ab"
ENDPOINT = "mle-004-churn"


class Hosting:
    """The emulated account's SageMaker, with the two operations that the emulator lacks: update and invoke."""

    def __init__(self, aws: SimpleNamespace, directory: Path) -> None:
        self.aws, self.directory = aws, directory
        self.live: str | None = None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.aws.sagemaker, operation)

    def describe_endpoint(self, *, EndpointName: str) -> Any:
        return self.aws.sagemaker.describe_endpoint(EndpointName=EndpointName) | (
            {"EndpointConfigName": self.live} if self.live else {}
        )

    def update_endpoint(self, *, EndpointName: str, EndpointConfigName: str, DeploymentConfig: Any) -> None:
        self.live = EndpointConfigName

    def invoke_endpoint(self, *, EndpointName: str, ContentType: str, Accept: str, Body: bytes) -> Any:
        """Serve the archive of the package that the live configuration's model names, as the container does."""
        config = self.describe_endpoint(EndpointName=EndpointName)["EndpointConfigName"]
        variant = self.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
        arn = self.describe_model(ModelName=variant["ModelName"])["Containers"][0]["ModelPackageName"]
        container = self.describe_model_package(ModelPackageName=arn)["InferenceSpecification"]["Containers"][0]
        key = container["ModelDataUrl"].removeprefix(f"s3://{self.aws.bucket}/")
        body = self.aws.s3.get_object(Bucket=self.aws.bucket, Key=key)["Body"].read()
        directory = self.directory / key.replace("/", "-")
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            archive.extractall(directory, filter="data")
        spec = importlib.util.spec_from_file_location("packed_inference", directory / "code/inference.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        answer, mimetype = module.transform_fn(module.model_fn(str(directory)), Body.decode(), ContentType, Accept)
        return {"Body": io.BytesIO(answer.encode()), "ContentType": mimetype}


@pytest.fixture
def road(aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    hosting = Hosting(aws, tmp_path / "hosting")
    results: list[tuple[str, Any]] = []
    pipeline = SimpleNamespace(
        put_job_success_result=lambda **parameters: results.append(("success", parameters["executionDetails"])),
        put_job_failure_result=lambda **parameters: results.append(("failure", parameters["failureDetails"])),
    )
    clients = {"s3": aws.s3, "sagemaker": aws.sagemaker, "codepipeline": pipeline}
    monkeypatch.setattr(lambda_auto_approve, "client", clients.__getitem__)
    monkeypatch.setenv("MODEL_PACKAGE_GROUP", aws.group)
    monkeypatch.setenv("THRESHOLDS", '{"accuracy": 0.85}')
    monkeypatch.setenv("APPROVAL_MODE", "automated")
    monkeypatch.setenv("GATE", '{"basis": "point", "confidence": 0.95}')
    environment = {
        "MODEL_BUCKET": aws.bucket,
        "MODEL_PACKAGE_GROUP": aws.group,
        "USE_CASE": "churn",
        "ENDPOINT_NAME": ENDPOINT,
        "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
        "ENDPOINT_INSTANCE_COUNT": "1",
        "ENDPOINT_KIND": "realtime",
        "ENDPOINT_MAX_INSTANCE_COUNT": "1",
        "ENDPOINT_MEMORY_MB": "2048",
        "ENDPOINT_MAX_CONCURRENCY": "10",
        "ENDPOINT_TRAFFIC": "all-at-once",
        "ENDPOINT_BAKE_SECONDS": "0",
        "ENDPOINT_KEEP_VERSIONS": "3",
        "ENDPOINT_ALARMS": "[]",
        "TAGS": "{}",
        "EXECUTION_ROLE_ARN": ROLE,
        "COMMIT_ID": "0123abc",
        "GATE": '{"basis": "point", "championMargin": null, "confidence": 0.95}',
        "REPOSITORY_NAME": "model-registry-pipeline-repo",
        "EXECUTION_URL": "https://console/executions/1",
        "THRESHOLDS": '{"accuracy": 0.85}',
    }

    scaling: Any = SimpleNamespace(deregister_scalable_target=lambda **_: None)

    def push(execution: str, hyperparameters: dict[str, Any], **more: str) -> str:
        """Build and decide; return the package's ARN."""
        monkeypatch.setattr(usecases.load("churn"), "HYPERPARAMETERS", hyperparameters)
        build = BuildEnvironment.read(environment | {"PIPELINE_EXECUTION_ID": execution} | more)
        out = tmp_path / execution
        out.mkdir()
        arn = create_model_package.create_model_package(build, s3=aws.s3, sagemaker=aws.sagemaker, out=out)
        configuration = {"UserParameters": json.dumps({"modelPackageArn": arn})}
        job = {"id": JOB_ID, "data": {"actionConfiguration": {"configuration": configuration}}}
        context = SimpleNamespace(invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f")
        lambda_auto_approve.handler({"CodePipeline.job": job}, context)
        return arn

    def deploy(execution: str, arn: str) -> None:
        variables = {"PIPELINE_EXECUTION_ID": execution, "MODEL_PACKAGE_ARN": arn}
        artifact = {"CODEBUILD_SRC_DIR_BuildArtifact": str(tmp_path / execution)}
        deploy_model.deploy_model(
            DeployEnvironment.read(environment | variables | artifact),
            s3=aws.s3,
            clients=Clients(sagemaker=hosting, runtime=hosting, cloudwatch=None, autoscaling=scaling),
            pauses=lambda seconds: [0.0, seconds],
        )

    def predict(records: list[Any]) -> Any:
        body = json.dumps({"instances": records}).encode()
        answer = hosting.invoke_endpoint(
            EndpointName=ENDPOINT, ContentType="application/json", Accept="application/json", Body=body
        )
        return json.loads(answer["Body"].read())["predictions"]

    return SimpleNamespace(push=push, deploy=deploy, predict=predict, results=results, hosting=hosting)


def test_a_weak_model_never_replaces_the_one_that_serves(road: Any) -> None:
    records = usecases.load("churn").synthetic().rows[:50].tolist()
    first = road.push("first", {"n_estimators": 20})
    road.deploy("first", first)
    served = road.predict(records)
    assert road.results[-1][0] == "success"

    weak = road.push("weak", {"n_estimators": 1, "max_depth": 1})
    kind, details = road.results[-1]
    assert kind == "failure"
    assert "Rejected: accuracy 0." in details["message"] and "is below 0.85" in details["message"]
    with pytest.raises(RoadError, match="is Rejected and Completed .*nothing was deployed"):
        road.deploy("weak", weak)
    assert road.predict(records) == served

    better = road.push("better", {"n_estimators": 25})
    road.deploy("better", better)
    assert road.hosting.live.startswith(f"{ENDPOINT}--v3-")
    assert road.predict(records) != served


def test_a_real_table_is_served_as_raw_records(road: Any, aws: SimpleNamespace, mixed_csv: bytes) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="in/customers.csv", Body=mixed_csv)
    arn = road.push("table", {"n_estimators": 20}, DATA_URI=f"s3://{aws.bucket}/in/customers.csv")
    road.deploy("table", arn)

    (prediction,) = road.predict([{"customer": "new", "months": 3, "plan": "basic", "city": None, "spend": None}])
    assert prediction["label"] == "yes"
    assert 0.5 < prediction["probability"] <= 1
