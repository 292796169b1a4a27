"""The Build stage: environment in; model, evaluation and package in AWS; two files out, the ARN last."""

import hashlib
import json
import runpy
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import create_model_package, evaluation, registration, serving_image, usecases
from ml.build_environment import BuildEnvironment
from ml.errors import InputError, RoadError

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    "MODEL_BUCKET": "models-of-this-test",
    "MODEL_PACKAGE_GROUP": "ChurnPredictionModels",
    "USE_CASE": "churn",
    "DATA_URI": "",
    "TARGET_COLUMN": "",
    "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
    "PIPELINE_EXECUTION_ID": "11111111-2222-3333-4444-555555555555",
    "COMMIT_ID": "0123abc",
    "ENDPOINT_NAME": "mle-004-churn",
    "THRESHOLDS": '{"accuracy": 0.85}',
    "GATE": '{"basis": "point", "championMargin": null, "confidence": 0.95}',
    "REPOSITORY_NAME": "model-registry-pipeline-repo",
    "EXECUTION_URL": "https://console/executions/1",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    churn: Any = usecases.load("churn")
    monkeypatch.setattr(churn, "HYPERPARAMETERS", {"n_estimators": 10})


def run(aws: SimpleNamespace, out: Path, **environment: str) -> str:
    build = BuildEnvironment.read(ENVIRONMENT | environment)
    return create_model_package.create_model_package(build, s3=aws.s3, sagemaker=aws.sagemaker, out=out)


def keys(aws: SimpleNamespace) -> list[str]:
    return [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=aws.bucket).get("Contents", [])]


def stored(aws: SimpleNamespace) -> list[str]:
    """All but the records: the emulator takes no client token, so each build registers a version there."""
    return [key for key in keys(aws) if not key.startswith("registrations/")]


def packages(aws: SimpleNamespace) -> list[Any]:
    return aws.sagemaker.list_model_packages(ModelPackageGroupName=aws.group)["ModelPackageSummaryList"]


def test_a_build_leaves_a_pending_package_and_its_arn(aws: SimpleNamespace, tmp_path: Path) -> None:
    arn = run(aws, tmp_path)
    package = aws.sagemaker.describe_model_package(ModelPackageName=arn)

    assert (package["ModelApprovalStatus"], package["ModelPackageStatus"]) == ("PendingManualApproval", "Completed")
    assert (tmp_path / "model_package_arn.txt").read_text() == arn + "\n"
    summary = (tmp_path / "model_summary.txt").read_text()
    assert summary.startswith("churn: accuracy 0.9") and summary.count("\n") == 1
    assert package["ModelPackageDescription"] == summary.strip()


def test_what_is_registered_is_what_was_uploaded(aws: SimpleNamespace, tmp_path: Path) -> None:
    package = aws.sagemaker.describe_model_package(ModelPackageName=run(aws, tmp_path))
    properties = package["CustomerMetadataProperties"]
    (container,) = package["InferenceSpecification"]["Containers"]
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]

    model, quality = properties["model_sha256"], properties["evaluation_sha256"]
    page = properties["report"].split("/")[-2]
    assert sorted(keys(aws)) == [
        f"evaluations/{quality}/evaluation.json",
        f"models/{model}/model.tar.gz",
        registration.key(aws.group, package),
        f"reports/{page}/report.html",
    ]
    uris = {properties["report"]: page, container["ModelDataUrl"]: model, statistics["S3Uri"]: quality}
    for uri, digest in uris.items():
        body = aws.s3.get_object(Bucket=aws.bucket, Key=uri.removeprefix(f"s3://{aws.bucket}/"))["Body"].read()
        assert hashlib.sha256(body).hexdigest() == digest
    assert statistics["ContentDigest"] == f"sha256:{quality}"
    accuracy = json.loads(body)["binary_classification_metrics"]["accuracy"]["value"]
    assert properties["metric_accuracy"] == f"{accuracy:.6f}"
    assert container["Image"] == serving_image.uri("us-east-1")


def test_the_record_says_what_was_registered(aws: SimpleNamespace, tmp_path: Path) -> None:
    package = aws.sagemaker.describe_model_package(ModelPackageName=run(aws, tmp_path))
    recorded = registration.read(aws.s3, aws.bucket, aws.group, package)

    assert recorded.archive_sha256 == package["CustomerMetadataProperties"]["model_sha256"]
    assert (recorded.commit, recorded.execution) == ("0123abc", ENVIRONMENT["PIPELINE_EXECUTION_ID"])
    for field in ("InferenceSpecification", "CustomerMetadataProperties", "ModelMetrics", "MetadataProperties"):
        assert recorded.package[field] == package[field]


def test_a_version_that_somebody_changed_at_once_gets_no_record_and_no_arn(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = aws.sagemaker.describe_model_package

    def changed(**request: Any) -> Any:
        found = describe(**request)
        found["InferenceSpecification"]["Containers"][0]["Image"] = "somebody-elses:latest"
        return found

    monkeypatch.setattr(aws.sagemaker, "describe_model_package", changed)
    with pytest.raises(RoadError, match="is not what this build registered: .*Image is 'somebody-elses:latest'"):
        run(aws, tmp_path)

    assert (list(tmp_path.iterdir()), [key for key in keys(aws) if key.startswith("registrations/")]) == ([], [])


def test_a_repeated_build_registers_the_same_objects_with_the_same_token(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = []
    create = aws.sagemaker.create_model_package

    def recording(**request: Any) -> Any:
        tokens.append(request["ClientToken"])
        return create(**request)

    monkeypatch.setattr(aws.sagemaker, "create_model_package", recording)
    run(aws, tmp_path)
    first = stored(aws)
    run(aws, tmp_path)
    again = stored(aws)
    run(aws, tmp_path, PIPELINE_EXECUTION_ID="another-execution")

    assert again == first
    # Only the report tells of its execution.
    (new,) = set(stored(aws)) - set(first)
    assert new.startswith("reports/")
    assert tokens[0] == tokens[1] != tokens[2]


# --- the report


def test_the_approver_is_sent_to_the_report_that_was_stored(aws: SimpleNamespace, tmp_path: Path) -> None:
    package = aws.sagemaker.describe_model_package(ModelPackageName=run(aws, tmp_path))
    key = package["CustomerMetadataProperties"]["report"].removeprefix(f"s3://{aws.bucket}/")
    stored = aws.s3.get_object(Bucket=aws.bucket, Key=key)
    page = stored["Body"].read().decode()

    assert stored["ContentType"] == "text/html; charset=utf-8"
    assert (tmp_path / "model_report_url.txt").read_text() == (
        f"https://us-east-1.console.aws.amazon.com/s3/object/{aws.bucket}?region=us-east-1&prefix={key}\n"
    )
    for fact in ("0123abc", ENVIRONMENT["PIPELINE_EXECUTION_ID"], "scikit-learn", version("numpy")):
        assert fact in page


@pytest.mark.parametrize(("least", "says"), [("0.85", "Passes the gate"), ("0.9999", "Does not pass the gate")])
def test_the_report_shows_the_verdict_that_the_gate_will_give(
    aws: SimpleNamespace, tmp_path: Path, least: str, says: str
) -> None:
    arn = run(aws, tmp_path, THRESHOLDS=f'{{"accuracy": {least}}}')
    properties = aws.sagemaker.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]
    page = aws.s3.get_object(Bucket=aws.bucket, Key=properties["report"].removeprefix(f"s3://{aws.bucket}/"))

    assert f"<title>{says}: churn 0123abc</title>" in page["Body"].read().decode()


def test_thresholds_that_nobody_can_read_stop_the_build(aws: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="THRESHOLDS is not a JSON object. Deploy the program again"):
        run(aws, tmp_path, THRESHOLDS="[]")

    assert keys(aws) == []


# --- a version that a person asked for

BUILD_ARN = "arn:aws:codebuild:us-east-1:123456789012:build/train-model:1"


def approve(aws: SimpleNamespace, arn: str) -> None:
    aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")


def test_an_approved_version_is_handed_on_and_nothing_is_trained(
    aws: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = run(aws, tmp_path)
    first = (tmp_path / "model_summary.txt").read_text()
    approve(aws, arn)
    (out := tmp_path / "again").mkdir()
    # Not even the libraries are looked at: nothing here is going to be pickled.
    monkeypatch.setattr(create_model_package, "version", lambda library: "0")

    assert run(aws, out, RELEASE_MODEL_PACKAGE_ARN=arn, CODEBUILD_BUILD_ARN=BUILD_ARN) == arn
    assert (out / "model_package_arn.txt").read_text() == arn + "\n"
    assert (out / "model_summary.txt").read_text() == f"release of version 1: {first}"
    link = (tmp_path / "model_report_url.txt").read_text()
    assert (out / "model_report_url.txt").read_text() == link and "/report.html" in link
    assert len(packages(aws)) == 1
    assert "nothing is trained" in capsys.readouterr().out


def test_a_version_from_before_there_were_reports_has_the_execution_in_place_of_one(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = run(aws, tmp_path)
    approve(aws, arn)
    (out := tmp_path / "again").mkdir()
    describe = aws.sagemaker.describe_model_package

    def without_report(**request: Any) -> Any:
        found = describe(**request)
        del found["CustomerMetadataProperties"]["report"]
        return found

    monkeypatch.setattr(aws.sagemaker, "describe_model_package", without_report)
    run(aws, out, RELEASE_MODEL_PACKAGE_ARN=arn, CODEBUILD_BUILD_ARN=BUILD_ARN)

    assert (out / "model_report_url.txt").read_text() == ENVIRONMENT["EXECUTION_URL"] + "\n"


def test_a_version_that_is_not_approved_is_not_handed_on(aws: SimpleNamespace, tmp_path: Path) -> None:
    arn = run(aws, tmp_path)
    (out := tmp_path / "again").mkdir()
    with pytest.raises(RoadError, match="is PendingManualApproval and Completed"):
        run(aws, out, RELEASE_MODEL_PACKAGE_ARN=arn, CODEBUILD_BUILD_ARN=BUILD_ARN)

    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "build_arn"),
    [
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/OtherModels/1", BUILD_ARN),
        ("arn:aws:sagemaker:us-east-2:123456789012:model-package/ChurnPredictionModels/1", BUILD_ARN),
        ("arn:aws:sagemaker:us-east-1:999999999999:model-package/ChurnPredictionModels/1", BUILD_ARN),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/1", ""),
    ],
)
def test_another_stacks_version_is_not_handed_on(
    aws: SimpleNamespace, tmp_path: Path, asked: str, build_arn: str
) -> None:
    with pytest.raises(InputError, match="is not a version of ChurnPredictionModels in this account and region"):
        run(aws, tmp_path, RELEASE_MODEL_PACKAGE_ARN=asked, CODEBUILD_BUILD_ARN=build_arn)

    assert list(tmp_path.iterdir()) == []


def test_the_variables_default_means_training(aws: SimpleNamespace, tmp_path: Path) -> None:
    run(aws, tmp_path, RELEASE_MODEL_PACKAGE_ARN="none")

    assert len(packages(aws)) == 1


# --- data


def test_a_table_in_s3_is_trained_on(
    aws: SimpleNamespace, tmp_path: Path, mixed_csv: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="in/customers.csv", Body=mixed_csv)
    uri = f"s3://{aws.bucket}/in/customers.csv"
    package = aws.sagemaker.describe_model_package(ModelPackageName=run(aws, tmp_path, DATA_URI=uri))

    assert package["CustomerMetadataProperties"]["data_sha256"] == hashlib.sha256(mixed_csv).hexdigest()
    assert f"data: {uri}: 240 rows, 5 columns, classes ['no', 'yes']" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "target", "says"),
    [
        (b"", "churned", "the file is empty"),
        (b"a,b\n1,2\n", "churned", "no column 'churned'; it has 'a', 'b'"),
        (b"a,churned\n" + b"1,yes\n" * 40, "", "is always 'yes'"),
    ],
)
def test_a_bad_table_is_one_line_and_nothing_is_registered(
    aws: SimpleNamespace, tmp_path: Path, data: bytes, target: str, says: str
) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="in.csv", Body=data)
    with pytest.raises(InputError, match=says) as caught:
        run(aws, tmp_path, DATA_URI=f"s3://{aws.bucket}/in.csv", TARGET_COLUMN=target)

    assert "\n" not in str(caught.value)
    assert (packages(aws), keys(aws), list(tmp_path.iterdir())) == ([], ["in.csv"], [])


def test_another_scikit_learn_than_the_containers_stops_the_build(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Under the container's Python its numpy, scipy and joblib are asked for too.
    installed = {"scikit-learn": "1.9.1"}
    monkeypatch.setattr(create_model_package, "version", lambda library: installed.get(library) or version(library))
    with pytest.raises(RoadError, match=r"scikit-learn 1.9.1, but the serving container has scikit-learn 1.9.0"):
        run(aws, tmp_path)

    assert (packages(aws), keys(aws)) == ([], [])


def test_a_metric_that_is_not_a_number_stops_the_build(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation.classification, "log_loss", lambda *_args, **_options: float("nan"))
    with pytest.raises(RoadError, match="no finite value for log_loss; nothing was registered"):
        run(aws, tmp_path)

    assert (packages(aws), keys(aws)) == ([], [])


def test_without_a_registered_package_no_arn_is_left(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_error: Any
) -> None:
    def refuse(**_request: Any) -> Any:
        raise client_error("AccessDeniedException")

    monkeypatch.setattr(aws.sagemaker, "create_model_package", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        run(aws, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_region_without_a_serving_image_is_refused_before_anything_is_uploaded(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_image, "ACCOUNTS", {})
    with pytest.raises(InputError, match="no scikit-learn serving image in us-east-1. Set aws:region"):
        run(aws, tmp_path)

    assert keys(aws) == []


def test_every_absent_key_of_the_environment_is_named() -> None:
    with pytest.raises(InputError) as caught:
        BuildEnvironment.read({})

    optional = {"DATA_URI", "TARGET_COLUMN"}
    assert all(key in str(caught.value) for key in ENVIRONMENT.keys() - optional)


def test_data_and_target_have_defaults() -> None:
    found = BuildEnvironment.read({k: v for k, v in ENVIRONMENT.items() if k not in ("DATA_URI", "TARGET_COLUMN")})

    assert (found.data_uri, found.target) == ("", "churned")


def test_the_module_runs_in_the_current_directory(
    aws: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delitem(sys.modules, "ml.create_model_package")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("ml.create_model_package", run_name="__main__")

    assert ended.value.code == 0, capsys.readouterr().err
    assert (tmp_path / "model_package_arn.txt").read_text().startswith("arn:aws:sagemaker:us-east-1:")


def test_the_module_ends_with_one_line_for_a_bad_environment(
    aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ENVIRONMENT:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.delitem(sys.modules, "ml.create_model_package")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("ml.create_model_package", run_name="__main__")

    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: environment: MODEL_BUCKET") and error.count("\n") == 1
