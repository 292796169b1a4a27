"""Build projects: image, commands, environment and log of the two builds."""

from collections.abc import Callable

import pytest

from components.build_project import JOB_START_MINUTES
from ml import contract, training_job
from tests.harness import ACCOUNT, REGION, ROOT, Recorded

Record = Callable[..., Recorded]
MODEL_BUCKET = f"mle-004-models-{ACCOUNT}-{REGION}"


def environment(run: Recorded, build: str) -> dict[str, str]:
    variables = run.one("Project", build).inputs["environment"]["environmentVariables"]
    assert {one["type"] for one in variables} == {"PLAINTEXT"}
    return {one["name"]: one["value"] for one in variables}


def test_train_knows_what_to_train_and_where_to_put_it(recorded: Record) -> None:
    data = {"training": {"dataUri": "s3://rows/churn.csv", "target": "left"}}
    assert environment(recorded("dev", data), "train") == {
        contract.MODEL_BUCKET: MODEL_BUCKET,
        contract.MODEL_PACKAGE_GROUP: "ChurnPredictionModels",
        contract.USE_CASE: "churn",
        contract.DATA_URI: "s3://rows/churn.csv",
        contract.TARGET_COLUMN: "left",
        contract.ENDPOINT_INSTANCE_TYPE: "ml.m5.large",
        contract.ENDPOINT_NAME: "mle-004-churn",
        contract.THRESHOLDS: '{"accuracy": 0.85}',
        contract.GATE: '{"basis": "point", "championMargin": null, "confidence": 0.95}',
        contract.TRAINING_ENGINE: "codebuild",
        contract.TRAINING_SEARCH: '{"folds": 3, "parallelJobs": 1, "trials": 0}',
    }


def test_train_knows_where_and_as_whom_its_jobs_run_where_it_starts_some(recorded: Record) -> None:
    chosen = {"engine": "sagemaker", "instanceType": "ml.c5.xlarge", "maxRuntimeMinutes": 30}
    run = recorded("dev", {"training": chosen})

    jobs = {
        name: value for name, value in environment(run, "train").items() if name not in environment(recorded(), "train")
    }
    assert jobs == {
        contract.TRAINING_INSTANCE_TYPE: "ml.c5.xlarge",
        contract.TRAINING_MAX_SECONDS: "1800",
        contract.TRAINING_JOB_PREFIX: "mle-004-churn",
        contract.TRAINING_KEY_ARN: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key",
        contract.EXECUTION_ROLE_ARN: f"arn:aws:iam::{ACCOUNT}:role/SageMaker-MLE-004-Role",
        contract.TAGS: '{"project": "mle-004", "stack": "dev", "use-case": "churn"}',
    }


@pytest.mark.slow
def test_a_train_build_may_take_as_long_as_the_jobs_that_it_waits_for(recorded: Record) -> None:
    def minutes(**training: object) -> int:
        return int(recorded("dev", {"training": training}).one("Project", "train").inputs["buildTimeout"])

    assert minutes() == 60
    assert minutes(engine="sagemaker", maxRuntimeMinutes=30) == 60 + 45
    longest = minutes(engine="sagemaker", maxRuntimeMinutes=180, search={"trials": 9, "parallelJobs": 3})
    assert longest == 60 + 2 * 195 < 8 * 60
    assert JOB_START_MINUTES * 60 == training_job.START_SECONDS


def test_train_falls_back_to_the_use_cases_data_and_target(recorded: Record) -> None:
    read = environment(recorded(), "train")
    assert (read[contract.DATA_URI], read[contract.TARGET_COLUMN]) == ("", "churned")


def test_deploy_knows_what_serves_and_as_whom(recorded: Record) -> None:
    endpoint = {"instanceType": "ml.c5.large", "instanceCount": 3, "maxInstanceCount": 5, "traffic": "linear"}
    run = recorded("dev", {"endpoint": endpoint, "tags": {"owner": "ml team"}})
    assert environment(run, "deploy") == {
        contract.MODEL_BUCKET: MODEL_BUCKET,
        contract.MODEL_PACKAGE_GROUP: "ChurnPredictionModels",
        contract.ENDPOINT_NAME: "mle-004-churn",
        contract.ENDPOINT_KIND: "realtime",
        contract.ENDPOINT_INSTANCE_TYPE: "ml.c5.large",
        contract.ENDPOINT_INSTANCE_COUNT: "3",
        contract.ENDPOINT_MAX_INSTANCE_COUNT: "5",
        contract.ENDPOINT_MEMORY_MB: "2048",
        contract.ENDPOINT_MAX_CONCURRENCY: "10",
        contract.ENDPOINT_TRAFFIC: "linear",
        contract.ENDPOINT_BAKE_SECONDS: "300",
        contract.ENDPOINT_KEEP_VERSIONS: "3",
        contract.ENDPOINT_ALARMS: '["mle-004-endpoint-errors", "mle-004-endpoint-latency"]',
        contract.TAGS: '{"owner": "ml team", "project": "mle-004", "stack": "dev", "use-case": "churn"}',
        contract.EXECUTION_ROLE_ARN: f"arn:aws:iam::{ACCOUNT}:role/SageMaker-MLE-004-Role",
    }


@pytest.mark.slow
def test_a_deploy_build_may_take_as_long_as_its_update_is_watched_and_taken_back(recorded: Record) -> None:
    def minutes(endpoint: dict[str, object]) -> int:
        project = recorded("dev", {"endpoint": endpoint}).one("Project", "deploy").inputs
        return int(project["buildTimeout"])

    assert minutes({"kind": "serverless"}) == 80
    assert minutes({"bakeSeconds": 61}) == 84
    assert minutes({"instanceCount": 2, "traffic": "canary", "bakeSeconds": 600}) == 120


@pytest.mark.parametrize(("build", "role"), [("train", "CodeBuildTrainRole"), ("deploy", "CodeBuildDeployRole")])
def test_a_build_runs_its_own_commands_as_its_own_role(build: str, role: str, recorded: Record) -> None:
    project = recorded().one("Project", build).inputs
    assert project["name"] == f"{build}-model"
    assert project["serviceRole"] == f"arn:aws:iam::{ACCOUNT}:role/{role}"
    assert project["source"] == {"type": "CODEPIPELINE", "buildspec": f"buildspecs/buildspec-{build}.yml"}
    assert project["artifacts"] == {"type": "CODEPIPELINE"}
    assert (ROOT / project["source"]["buildspec"]).is_file()


@pytest.mark.parametrize("build", ["train", "deploy"])
def test_a_build_writes_to_its_log_group_and_encrypts_its_result(build: str, recorded: Record) -> None:
    project = recorded().one("Project", build).inputs
    assert project["logsConfig"] == {
        "cloudwatchLogs": {"groupName": f"/aws/codebuild/{build}-model", "status": "ENABLED"}
    }
    assert project["encryptionKey"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"
    assert "privilegedMode" not in project["environment"]
    assert 5 <= project["buildTimeout"] <= 2160


@pytest.mark.parametrize("build", ["train", "deploy"])
def test_a_build_can_work_as_soon_as_it_exists(build: str, recorded: Record) -> None:
    run = recorded()
    grants = {one.urn for one in run.of("RolePolicyAttachment") if f"roles-{build}-" in one.name}
    assert len(grants) == 2
    assert grants <= run.one("Project", build).depends_on


def test_a_larger_machine_is_for_training_and_an_image_for_both(recorded: Record) -> None:
    chosen = {"training": {"computeType": "BUILD_GENERAL1_LARGE", "image": "aws/codebuild/standard:8.0"}}
    run = recorded("dev", chosen)
    train, deploy = (run.one("Project", build).inputs["environment"] for build in ("train", "deploy"))
    assert (train["computeType"], deploy["computeType"]) == ("BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_SMALL")
    assert train["image"] == deploy["image"] == "aws/codebuild/standard:8.0"
    assert train["type"] == deploy["type"] == "LINUX_CONTAINER"
