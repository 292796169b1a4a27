"""The Deploy stage: exactly this execution's approved package, the very bytes that were registered, or nothing."""

import dataclasses
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ml import contract, deploy_model, inference, registry
from ml.deploy_model import DeployEnvironment
from ml.errors import InputError, RoadError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/3"
ROLE = "arn:aws:iam::123456789012:role/SageMaker-MLE-004-Role"


class Cloud:
    """One package, one archive and one endpoint; records what changes anything."""

    def __init__(self, archive: Any, model: inference.Model) -> None:
        self.meta = SimpleNamespace(region_name="us-east-1")
        self.body, self.model = archive.body, model
        self.package: dict[str, Any] = {
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": "Approved: accuracy 0.95 is at least 0.85",
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://bucket/models/1/model.tar.gz"}]},
            "CustomerMetadataProperties": {contract.METADATA_MODEL_SHA256: archive.sha256},
        }
        self.serving: str | None = None
        self.wrong_answers = 0
        self.changes: list[str] = []

    def describe_model_package(self, *, ModelPackageName: str) -> Any:
        assert ModelPackageName == ARN
        return self.package

    def get_object(self, *, Bucket: str, Key: str) -> Any:
        assert (Bucket, Key) == ("bucket", "models/1/model.tar.gz")
        return {"Body": io.BytesIO(self.body)}

    def describe_model(self, **_: Any) -> Any:
        return {"ExecutionRoleArn": ROLE, "Containers": [{"ModelPackageName": ARN}]}

    def create_endpoint_config(self, **parameters: Any) -> None:
        self.changes.append("create_endpoint_config")
        assert parameters["ProductionVariants"][0]["InitialInstanceCount"] == 2

    def describe_endpoint(self, *, EndpointName: str) -> Any:
        if self.serving is None:
            cause = {"Code": "ValidationException", "Message": f"Could not find endpoint {EndpointName}"}
            raise deploy_model.endpoint.ClientError({"Error": cause}, "DescribeEndpoint")
        return {"EndpointStatus": "InService", "EndpointConfigName": self.serving}

    def create_endpoint(self, *, EndpointName: str, EndpointConfigName: str, Tags: Any) -> None:
        self.changes.append("create_endpoint")
        self.serving = EndpointConfigName

    def update_endpoint(self, *, EndpointName: str, EndpointConfigName: str) -> None:
        self.changes.append("update_endpoint")
        self.serving = EndpointConfigName

    def invoke_endpoint(self, *, EndpointName: str, ContentType: str, Accept: str, Body: bytes) -> Any:
        status, text, _ = inference.answer(self.model, Body, ContentType, Accept)
        assert status == 200
        answer = json.loads(text)
        if self.wrong_answers:
            self.wrong_answers -= 1
            answer["predictions"][0]["probability"] += 0.1
        return {"Body": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def cloud(mixed: SimpleNamespace) -> Cloud:
    return Cloud(mixed.archive, mixed.model)


@pytest.fixture
def deploy(tmp_path: Path) -> DeployEnvironment:
    (tmp_path / "model_package_arn.txt").write_text(ARN + "\n")
    return DeployEnvironment.read(
        {
            "MODEL_BUCKET": "bucket",
            "MODEL_PACKAGE_GROUP": "ChurnPredictionModels",
            "ENDPOINT_NAME": "mle-004-churn",
            "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
            "ENDPOINT_INSTANCE_COUNT": "2",
            "EXECUTION_ROLE_ARN": ROLE,
            "PIPELINE_EXECUTION_ID": "execution-1",
            "COMMIT_ID": "0123abc",
            "MODEL_PACKAGE_ARN": ARN,
            "CODEBUILD_SRC_DIR_BuildArtifact": str(tmp_path),
        }
    )


def run(deploy: DeployEnvironment, cloud: Any) -> None:
    deploy_model.deploy_model(deploy, s3=cloud, sagemaker=cloud, runtime=cloud, pauses=lambda seconds: [0, seconds])


# --- the road


def test_an_approved_package_is_created_and_proven(
    deploy: DeployEnvironment, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    run(deploy, cloud)

    assert cloud.changes == ["create_endpoint_config", "create_endpoint"]
    assert cloud.serving.startswith("mle-004-churn--v3-")
    said = capsys.readouterr().out.splitlines()
    assert [text.partition(":")[0] for text in said] == [
        "approved",
        "model",
        "endpoint",
        "endpoint",
        "proof",
        "deployed",
    ]


def test_the_next_release_updates_with_a_configuration_never_used(deploy: DeployEnvironment, cloud: Cloud) -> None:
    run(deploy, cloud)
    first = cloud.serving
    run(deploy, cloud)

    assert cloud.changes[2:] == ["create_endpoint_config", "update_endpoint"]
    assert cloud.serving != first


def test_a_model_that_proves_wrong_is_taken_back(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.serving, cloud.wrong_answers = "good-config", 1
    with pytest.raises(RoadError, match="predicts .* for the golden records, .*good-config serves again"):
        run(deploy, cloud)

    assert cloud.serving == "good-config"


def test_a_first_model_that_proves_wrong_says_that_there_is_none_to_return_to(
    deploy: DeployEnvironment, cloud: Cloud
) -> None:
    cloud.wrong_answers = 1
    with pytest.raises(RoadError, match="the endpoint's first model: there is none to return to"):
        run(deploy, cloud)


# --- the registry decides


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        ("PendingManualApproval", "Completed"),
        ("Rejected", "Completed"),
        ("Approved", "InProgress"),
        ("Approved", "Failed"),
    ],
)
def test_whatever_is_not_approved_and_complete_changes_nothing(
    deploy: DeployEnvironment, cloud: Cloud, status: str, complete: str
) -> None:
    cloud.package |= {"ModelApprovalStatus": status, "ModelPackageStatus": complete, "ApprovalDescription": "by\nAnn"}
    with pytest.raises(RoadError, match=rf"{ARN} is {status} and {complete} \(by Ann\); nothing was deployed"):
        run(deploy, cloud)

    assert cloud.changes == []


# --- the archive is the registered one


def test_another_archive_than_the_registered_one_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.body = cloud.body[:-1] + b"x"
    with pytest.raises(RoadError, match="has SHA-256 .*, registered was .*; nothing was deployed"):
        run(deploy, cloud)
    cloud.package["CustomerMetadataProperties"] = {}
    with pytest.raises(RoadError, match="registered was None"):
        run(deploy, cloud)

    assert cloud.changes == []


def test_an_archive_outside_the_model_bucket_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    with pytest.raises(RoadError, match="is not in the model bucket bucke; nothing was deployed"):
        run(dataclasses.replace(deploy, model_bucket="bucke"), cloud)

    assert cloud.changes == []


def tar(**members: bytes) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return body.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not gzip", tar(), tar(metadata_json=b"{}"), tar(golden_json=b"{"), tar(golden_json=b"[]"),
        tar(golden_json=b'{"instances": []}'), tar(golden_json=b"[" + b"1," * 600_000 + b"1]"),
    ],
)  # fmt: skip
def test_an_archive_without_golden_records_changes_nothing(
    deploy: DeployEnvironment, cloud: Cloud, body: bytes
) -> None:
    cloud.body = body
    cloud.package["CustomerMetadataProperties"] = {contract.METADATA_MODEL_SHA256: deploy_model.storage.sha256(body)}
    with pytest.raises(RoadError, match="golden.json .*Train again"):
        run(deploy, cloud)

    assert cloud.changes == []


# --- the ARN file


@pytest.mark.parametrize("text", [ARN, ARN + "\n", ARN + "\r\n", f"  {ARN}\t\n\n"])
def test_blanks_around_the_arn_are_allowed(tmp_path: Path, text: str) -> None:
    (tmp_path / "model_package_arn.txt").write_bytes(text.encode())

    assert deploy_model.read_arn_file(tmp_path).text == ARN


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"\xef\xbb\xbf" + ARN.encode(), f"{ARN}\n{ARN}\n".encode(), f'"{ARN}"'.encode(),
        json.dumps({"arn": ARN}).encode(), b"\x00" * 40, b"\xff\xfe", ARN.encode() + b"\n" * 2**20,
        b" " * 3000 + ARN.encode(),
        ARN.replace("model-package", "model-package-group").rpartition("/")[0].encode(), ARN.encode() + b"\x00",
        ARN.replace("sagemaker", "s3").encode(), ARN.replace("/3", "/x").encode(), ARN.encode("utf-16"),
    ],
)  # fmt: skip
def test_any_other_file_is_one_line_and_status_2(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model_package_arn.txt").write_bytes(content)
    with pytest.raises(InputError) as caught:
        deploy_model.read_arn_file(tmp_path)

    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_no_file_a_directory_or_a_link_is_refused(tmp_path: Path) -> None:
    for build in (tmp_path / "nowhere", tmp_path / "directory", tmp_path / "link"):
        build.mkdir(exist_ok=True)
    (tmp_path / "directory/model_package_arn.txt").mkdir()
    (tmp_path / "arn.txt").write_text(ARN)
    (tmp_path / "link/model_package_arn.txt").symlink_to(tmp_path / "arn.txt")

    for build in ("nowhere", "directory", "link", "absent"):
        with pytest.raises(InputError, match="is not a file in the build artifact"):
            deploy_model.read_arn_file(tmp_path / build)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model_package_arn": ARN[:-1] + "4"}, "the artifact says .*/3, the pipeline says .*/4"),
        ({"model_package_arn": ARN.lower()}, "the artifact says"),
        ({"group": "OtherModels"}, "is not a version of OtherModels in this account and region"),
        ({"execution_role_arn": ROLE.replace("1234", "9999")}, "in this account and region"),
        ({"execution_role_arn": "no arn"}, "in this account and region"),
    ],
)
def test_file_variable_group_and_account_must_agree(
    deploy: DeployEnvironment, cloud: Cloud, changes: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        run(dataclasses.replace(deploy, **changes), cloud)

    assert cloud.changes == []


def test_a_package_of_another_region_is_refused(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.meta.region_name = "eu-central-1"
    with pytest.raises(InputError, match="in this account and region"):
        run(deploy, cloud)


def test_the_group_may_be_spelt_in_lower_case(deploy: DeployEnvironment) -> None:
    package = registry.parse_model_package_arn(ARN)
    deploy_model.check_package(dataclasses.replace(deploy, group="churnpredictionmodels"), package, "us-east-1")


# --- the environment


def test_every_absent_key_of_the_environment_is_named() -> None:
    with pytest.raises(InputError) as caught:
        DeployEnvironment.read({})

    for key in ("ENDPOINT_NAME", "EXECUTION_ROLE_ARN", "MODEL_PACKAGE_ARN", "CODEBUILD_SRC_DIR_BuildArtifact"):
        assert key in str(caught.value)


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "two", "²", "٣"])
def test_an_instance_count_is_a_number_from_1(deploy: DeployEnvironment, count: str) -> None:
    environment = {
        "MODEL_BUCKET": "b", "MODEL_PACKAGE_GROUP": "g", "ENDPOINT_NAME": "e", "ENDPOINT_INSTANCE_TYPE": "t",
        "EXECUTION_ROLE_ARN": ROLE, "PIPELINE_EXECUTION_ID": "x", "COMMIT_ID": "c", "MODEL_PACKAGE_ARN": ARN,
        "CODEBUILD_SRC_DIR_BuildArtifact": ".", "ENDPOINT_INSTANCE_COUNT": count,
    }  # fmt: skip
    with pytest.raises(InputError, match="Set endpoint.instanceCount"):
        DeployEnvironment.read(environment)
