"""The Deploy stage: exactly this execution's approved package, the very bytes that were registered, or nothing."""

import dataclasses
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import contract, deploy_model, inference, registration, registry, runtimes, serving_image, storage
from ml.deploy_model import DeployEnvironment
from ml.errors import InputError, RoadError
from ml.rollout import Clients
from tests.ml.hosting_account import ENVIRONMENT, GROUP_ARN, ROLE, HostingAccount, pauses

ARN = f"{GROUP_ARN}/3"
ARCHIVE_URI = "s3://bucket/models/1/model.tar.gz"
BUILD = {
    "MODEL_BUCKET": "bucket",
    "MODEL_PACKAGE_GROUP": "ChurnPredictionModels",
    "EXECUTION_ROLE_ARN": ROLE,
    "PIPELINE_EXECUTION_ID": "execution-1",
    "COMMIT_ID": "0123abc",
    "MODEL_PACKAGE_ARN": ARN,
    "CODEBUILD_SRC_DIR_BuildArtifact": ".",
} | ENVIRONMENT


class Cloud(HostingAccount):
    """An account that also has one package, its record and its archive, and answers with the real model."""

    def __init__(self, archive: Any, model: inference.Model, check: Any) -> None:
        super().__init__(check)
        self.body, self.model = archive.body, model
        self.container: dict[str, Any] = {
            "Image": serving_image.uri("us-east-1"),
            "ModelDataUrl": ARCHIVE_URI,
            "Environment": dict(serving_image.ENVIRONMENT),
        }
        self.package: dict[str, Any] = {
            "ModelPackageArn": ARN,
            "CreationTime": datetime(2026, 11, 24, 5, 0, tzinfo=UTC),
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": "Approved: accuracy 0.95 is at least 0.85",
            "InferenceSpecification": {"Containers": [self.container]},
            "CustomerMetadataProperties": {contract.METADATA_MODEL_SHA256: archive.sha256},
        }
        self.record: bytes | None = b""
        self.register()
        self.region = "us-east-1"
        self.ledger: dict[str, dict[str, Any]] = {}

    def register(self, **changes: str) -> None:
        """Write the package's record as its build would have, with some of its facts changed."""
        facts = {"archive_sha256": storage.sha256(self.body), "commit": BUILD["COMMIT_ID"], "execution": "execution-1"}
        self.record = json.dumps(vars(registration.of(self.package, **facts | changes))).encode()

    @property
    def clients(self) -> Clients:
        clients = super().clients
        clients.sagemaker.meta = SimpleNamespace(region_name=self.region)
        return clients

    def get_object(self, *, Bucket: str, Key: str) -> Any:
        assert Bucket == "bucket"
        found = {
            registration.key("ChurnPredictionModels", self.package): self.record,
            "models/1/model.tar.gz": self.body,
        }.get(Key)
        if found is None:
            # What S3 says of an absent object to a role that may not list the bucket.
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "GetObject")
        return {"Body": io.BytesIO(found)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfNoneMatch: str) -> None:
        assert (Bucket, ContentType, IfNoneMatch) == ("bucket", "application/json", "*")
        if Key in self.ledger:
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "taken"}}, "PutObject")
        self.ledger[Key] = json.loads(Body)

    def _describe_model_package(self, ModelPackageName: str) -> Any:
        assert ModelPackageName == self.package["ModelPackageArn"]
        return self.package

    def _invoke_endpoint(self, *, EndpointName: str, ContentType: str, Accept: str, Body: bytes) -> Any:
        status, text, _ = inference.answer(self.model, Body, ContentType, Accept)
        assert status == 200
        answer = json.loads(text)
        if self.version in self.wrong:
            answer["predictions"][0]["probability"] += 0.1
        return {"Body": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def cloud(mixed: SimpleNamespace, check_request: Any) -> Cloud:
    return Cloud(mixed.archive, mixed.model, check_request)


@pytest.fixture
def deploy(tmp_path: Path) -> DeployEnvironment:
    (tmp_path / "model_package_arn.txt").write_text(ARN + "\n")
    return DeployEnvironment.read(BUILD | {"CODEBUILD_SRC_DIR_BuildArtifact": str(tmp_path)})


def run(deploy: DeployEnvironment, cloud: Any) -> None:
    deploy_model.deploy_model(deploy, s3=cloud, clients=cloud.clients, pauses=pauses)


# --- the road


def test_an_approved_package_is_created_and_proven(
    deploy: DeployEnvironment, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    run(deploy, cloud)

    assert cloud.version == 3
    said = capsys.readouterr().out.splitlines()
    assert [text.partition(":")[0] for text in said] == [
        "approved",
        "model",
        "endpoint",
        "endpoint",
        "endpoint",
        "proof",
        "deployed",
    ]
    assert said[0].endswith("accuracy 0.95 is at least 0.85")
    assert "serves version 3 with mle-004-churn--v3-" in said[-1]


def test_the_ledger_says_what_serves_by_whose_decision_and_from_which_commit(
    deploy: DeployEnvironment, cloud: Cloud
) -> None:
    run(deploy, cloud)

    [(key, entry)] = cloud.ledger.items()
    assert key == f"ledger/mle-004-churn/{deploy.execution}-001.json"
    assert (entry["version"], entry["model_package_arn"], entry["commit"]) == (3, ARN, deploy.commit)
    assert entry["decision"] == "Approved: accuracy 0.95 is at least 0.85"
    assert cloud.endpoint is not None
    assert (entry["requested"], entry["config"]) == (False, cloud.endpoint["serving"])


@pytest.mark.parametrize(
    ("reason", "editor", "approved_by"),
    [
        ("", {"UserProfileName": "ada", "IamIdentity": {"Arn": ROLE}}, "ada"),
        ("", {"IamIdentity": {"Arn": ROLE}}, ROLE),
        ("", {}, "somebody not named there"),
        ("Approved: accuracy 0.95 is at least 0.85", {"IamIdentity": {"Arn": ROLE}}, ROLE),
        (f"Approved by {ROLE}: looks: fine", {"IamIdentity": {"Arn": ROLE}}, ROLE),
        ("Approved by ada", {"UserProfileName": "ada"}, "ada"),
        ("Approved by ada: fine", {"UserProfileName": "bob"}, "ada (last changed by bob)"),
    ],
)
def test_the_ledger_names_who_approved_wherever_that_was_done(
    deploy: DeployEnvironment, cloud: Cloud, reason: str, editor: dict[str, Any], approved_by: str
) -> None:
    cloud.package |= {"ApprovalDescription": reason, "LastModifiedBy": editor}
    if not reason:
        del cloud.package["ApprovalDescription"]
    run(deploy, cloud)

    [entry] = cloud.ledger.values()
    assert (entry["decision"], entry["approved_by"]) == (reason, approved_by)


def test_the_ledger_ends_with_what_is_when_a_stage_was_run_again_and_again(
    deploy: DeployEnvironment, cloud: Cloud
) -> None:
    run(deploy, cloud)
    cloud.wrong = {3}
    with pytest.raises(RoadError, match="predicts"):
        run(deploy, cloud)
    cloud.wrong = set()
    run(deploy, cloud)

    assert [entry["event"] for entry in cloud.ledger.values()] == ["serves", "failed", "serves"]
    assert cloud.version == 3


def test_a_model_that_proves_wrong_does_not_stay(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.wrong = {3}
    with pytest.raises(RoadError, match="predicts .* for the golden records.* the endpoint is removed again"):
        run(deploy, cloud)

    assert cloud.endpoint is None
    [entry] = cloud.ledger.values()
    assert entry["event"] == "failed"
    assert "for the golden records" in entry["detail"]


def test_a_refusal_by_aws_is_in_the_ledger_too(deploy: DeployEnvironment, cloud: Cloud) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateEndpoint")

    cloud._create_endpoint = refuse  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        run(deploy, cloud)

    [entry] = cloud.ledger.values()
    assert (entry["event"], "AccessDeniedException" in entry["detail"]) == ("failed", True)


def test_a_ledger_that_cannot_be_written_does_not_hide_the_failure(
    deploy: DeployEnvironment, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "no"}}, "PutObject")

    cloud.put_object = refuse  # type: ignore[method-assign]
    cloud.wrong = {3}
    with pytest.raises(RoadError, match="predicts .* for the golden records"):
        run(deploy, cloud)

    assert "not in the ledger: " in capsys.readouterr().out


def test_a_version_that_serves_unrecorded_fails_the_stage_and_the_next_run_records_it(
    deploy: DeployEnvironment, cloud: Cloud
) -> None:
    put = cloud.put_object

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "no"}}, "PutObject")

    cloud.put_object = refuse  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="SlowDown"):
        run(deploy, cloud)
    assert (cloud.version, cloud.ledger) == (3, {})
    cloud.put_object = put  # type: ignore[method-assign]
    run(deploy, cloud)
    assert [entry["event"] for entry in cloud.ledger.values()] == ["serves"]


def test_the_ledger_names_the_configuration_that_serves_where_another_execution_had_made_it(
    deploy: DeployEnvironment, cloud: Cloud
) -> None:
    run(deploy, cloud)
    made = cloud.endpoint["serving"]
    run(dataclasses.replace(as_asked_for(deploy), execution="another"), cloud)
    assert cloud.endpoint["serving"] == made
    assert [(entry["execution"], entry["config"]) for entry in cloud.ledger.values()] == [
        (deploy.execution, made),
        ("another", made),
    ]


def test_a_version_that_a_person_asked_for_may_be_an_older_one(deploy: DeployEnvironment, cloud: Cloud) -> None:
    package = registry.parse_model_package_arn(ARN.replace("/3", "/9"))
    newer = dataclasses.replace(deploy, model_package_arn=package.text)
    (deploy.build_artifact / "model_package_arn.txt").write_text(package.text)
    cloud.package["ModelPackageArn"] = package.text
    cloud.register()
    run(newer, cloud)
    (deploy.build_artifact / "model_package_arn.txt").write_text(ARN)
    cloud.package["ModelPackageArn"] = ARN
    cloud.register()

    with pytest.raises(RoadError, match="version 9 serves already and version 3 is older"):
        run(deploy, cloud)
    run(dataclasses.replace(deploy, requested=registry.parse_model_package_arn(ARN.lower())), cloud)
    assert cloud.version == 3


# --- the registry decides


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_whatever_is_not_approved_changes_nothing(deploy: DeployEnvironment, cloud: Cloud, status: str) -> None:
    cloud.package |= {"ModelApprovalStatus": status, "ApprovalDescription": "by\nAnn"}
    with pytest.raises(RoadError, match=rf"{ARN} is {status} and Completed \(by Ann\); nothing was deployed"):
        run(deploy, cloud)

    assert cloud.writes == []


# --- what is served is what was registered and approved


def test_another_archive_than_the_registered_one_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.body = cloud.body[:-1] + b"x"
    with pytest.raises(RoadError, match="has SHA-256 .*, registered was .*; nothing was deployed"):
        run(deploy, cloud)

    assert cloud.writes == []


@pytest.mark.parametrize("asked", [False, True])
def test_a_version_without_a_record_changes_nothing(deploy: DeployEnvironment, cloud: Cloud, asked: bool) -> None:
    cloud.record = None
    with pytest.raises(
        RoadError, match=rf"{ARN} has no registration record .*AccessDenied.* nothing was deployed.*aws "
    ):
        run(as_asked_for(deploy) if asked else deploy, cloud)

    assert cloud.writes == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"package": {}}', b"\xff", b"null"])
def test_what_is_no_record_changes_nothing(deploy: DeployEnvironment, cloud: Cloud, body: bytes) -> None:
    cloud.record = body
    with pytest.raises(
        RoadError, match=r"s3://bucket/registrations/.* is no registration record; nothing was deployed"
    ):
        run(deploy, cloud)

    assert cloud.writes == []


def test_the_record_of_another_version_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    assert cloud.record is not None
    cloud.record = cloud.record.replace(ARN.encode(), ARN.replace("/3", "/2").encode())
    with pytest.raises(RoadError, match=f"is about {GROUP_ARN}/2, not {ARN}; nothing was deployed"):
        run(deploy, cloud)

    assert cloud.writes == []


def test_another_fault_of_s3_is_not_taken_for_an_absent_record(deploy: DeployEnvironment, cloud: Cloud) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "no"}}, "GetObject")

    cloud.get_object = refuse  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="SlowDown"):
        run(deploy, cloud)


def test_both_spellings_of_a_group_mean_the_same_record(deploy: DeployEnvironment, cloud: Cloud) -> None:
    assert cloud.record is not None
    cloud.record = cloud.record.replace(ARN.encode(), ARN.lower().encode())
    run(deploy, cloud)

    assert cloud.version == 3


# What a poisoned build could have written into its record as well


def test_an_archive_outside_the_model_bucket_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.container["ModelDataUrl"] = "s3://bucke/models/1/model.tar.gz"
    cloud.register()
    with pytest.raises(RoadError, match="s3://bucke/.* is not in the model bucket bucket; nothing was deployed"):
        run(deploy, cloud)
    del cloud.container["ModelDataUrl"]
    cloud.register()
    with pytest.raises(RoadError, match="None is not in the model bucket bucket; nothing was deployed"):
        run(deploy, cloud)

    assert cloud.writes == []


def test_what_is_no_archive_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.body = b"no archive"
    cloud.register()
    with pytest.raises(RoadError, match="not a gzip file; nothing was deployed. Train again"):
        run(deploy, cloud)

    assert cloud.writes == []


@pytest.mark.parametrize(
    "image",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.9-0-cpu-py3",
        "evil/683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
    ],
)
def test_another_image_than_awss_own_changes_nothing(deploy: DeployEnvironment, cloud: Cloud, image: str) -> None:
    cloud.container["Image"] = image
    cloud.register()
    with pytest.raises(RoadError, match="the package's image is .*; nothing was deployed"):
        run(as_asked_for(deploy), cloud)

    assert cloud.writes == []


@pytest.mark.parametrize("changed", ["image", "environment", "commit"])
def test_an_older_commits_version_goes_live_only_where_a_person_asked_for_it(
    deploy: DeployEnvironment, cloud: Cloud, changed: str
) -> None:
    if changed == "image":
        cloud.container["Image"] = cloud.container["Image"].replace(runtimes.CONTAINER_VERSION, "1.4-2")
    elif changed == "environment":
        del cloud.container["Environment"]["OMP_NUM_THREADS"]
    cloud.register(**({"commit": "4567def"} if changed == "commit" else {}))
    with pytest.raises(RoadError, match=r"(Image|Environment.OMP_NUM_THREADS) is|of commit 4567def, not of 0123abc"):
        run(deploy, cloud)
    assert cloud.writes == []
    run(as_asked_for(deploy), cloud)

    assert cloud.version == 3


def test_a_second_container_or_none_changes_nothing(deploy: DeployEnvironment, cloud: Cloud) -> None:
    for containers in ([cloud.container, cloud.container], []):
        cloud.package["InferenceSpecification"]["Containers"] = containers
        cloud.register()
        with pytest.raises(RoadError, match="nothing was deployed"):
            run(deploy, cloud)

    assert cloud.writes == []


@pytest.mark.parametrize(
    "code", ["s3://elsewhere/code.tar.gz", "/opt/ml/modelling", "", "/opt/ml/model/../../tmp", "/opt/ml/model/.."]
)
def test_code_from_outside_of_the_archive_changes_nothing(deploy: DeployEnvironment, cloud: Cloud, code: str) -> None:
    cloud.container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = code
    cloud.register()
    with pytest.raises(RoadError, match="takes its code from .*, not from its archive; nothing was deployed"):
        run(as_asked_for(deploy), cloud)

    assert cloud.writes == []


def as_asked_for(deploy: DeployEnvironment) -> DeployEnvironment:
    """Return what the build is told where a person asked for the version."""
    return dataclasses.replace(deploy, requested=registry.parse_model_package_arn(ARN))


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
        ({"requested": registry.parse_model_package_arn(ARN[:-1] + "4")}, "this execution was started for .*/4"),
    ],
)
def test_file_variable_group_and_account_must_agree(
    deploy: DeployEnvironment, cloud: Cloud, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        run(dataclasses.replace(deploy, **changes), cloud)

    assert cloud.writes == []


def test_a_package_of_another_region_is_refused(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.region = "eu-central-1"
    with pytest.raises(InputError, match="in this account and region"):
        run(deploy, cloud)


def test_the_group_may_be_spelt_in_lower_case(deploy: DeployEnvironment) -> None:
    package = registry.parse_model_package_arn(ARN)
    deploy_model.check_package(dataclasses.replace(deploy, group="churnpredictionmodels"), package, "us-east-1")


# --- the environment


def test_every_absent_key_of_the_environment_is_named() -> None:
    with pytest.raises(InputError) as caught:
        DeployEnvironment.read({})

    assert all(key in str(caught.value) for key in BUILD)


def test_the_environment_says_whether_a_person_asked_for_the_version() -> None:
    assert DeployEnvironment.read(BUILD).requested is None
    assert DeployEnvironment.read(BUILD | {"RELEASE_MODEL_PACKAGE_ARN": "none"}).requested is None
    asked = DeployEnvironment.read(BUILD | {"RELEASE_MODEL_PACKAGE_ARN": ARN}).requested
    assert asked is not None
    assert asked.version == 3
