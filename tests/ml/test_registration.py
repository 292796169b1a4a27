"""What was registered: written once, and whatever differs from it later is named and never goes live."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from ml import registration
from ml.deploy_model import DeployEnvironment, deploy_model
from ml.errors import RoadError
from tests.ml.hosting_account import pauses
from tests.ml.test_deploy_model import ARN, BUILD, Cloud, as_asked_for

MODEL: Any = botocore.session.get_session().get_service_model("sagemaker")
CONTAINER_FIELDS = list(MODEL.shape_for("ModelPackageContainerDefinition").members)
SPECIFICATION_FIELDS = [name for name in MODEL.shape_for("InferenceSpecification").members if name != "Containers"]
VARIABLES = ("SAGEMAKER_PROGRAM", "GUNICORN_CMD_ARGS", "SAGEMAKER_SUBMIT_DIRECTORY", "OMP_NUM_THREADS")
DECISIONS = {"ModelApprovalStatus", "ApprovalDescription"}
PEOPLES = {"ModelCard", "ModelLifeCycle"}
"""What people write into: the model card's review, and the stages of a life cycle."""

NO_CONTENT = {"ModelPackageArn", "ClientToken", "ModelPackageRegistrationType", "CustomerMetadataPropertiesToRemove"}
"""Which package, which try, how it is listed; a removal shows in what is left."""


def of_shape(shape: Any) -> Any:
    """Return some value of a shape of AWS's, the deepest that it can hold."""
    if shape.type_name == "structure":
        return {name: of_shape(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [of_shape(shape.member)]
    if shape.type_name == "map":
        return {"KEY": of_shape(shape.value)}
    return {"string": "swapped", "integer": 7, "boolean": True, "float": 0.5, "timestamp": "2026-11-24"}[
        shape.type_name
    ]


def swaps() -> dict[str, Any]:
    """Return every way to change what a package says of what it serves or was judged by, by what it is told as."""
    container = MODEL.shape_for("ModelPackageContainerDefinition").members
    specification = MODEL.shape_for("InferenceSpecification").members
    described = MODEL.shape_for("DescribeModelPackageOutput").members
    first = "InferenceSpecification.Containers[0]"
    found = {f"{first}.{name}": (name, of_shape(container[name])) for name in CONTAINER_FIELDS if name != "Environment"}
    found |= {
        f"{first}.Environment.{name}": (f"Environment {name}", "swapped") for name in (*VARIABLES, "PIP_INDEX_URL")
    }
    found |= {
        f"InferenceSpecification.{name}": (f"+{name}", of_shape(specification[name])) for name in SPECIFICATION_FIELDS
    }
    others = [name for name in registration.FIELDS if name not in ("InferenceSpecification", registration.METADATA)]
    found |= {name: (f"package {name}", of_shape(described[name])) for name in others}
    return found | {"CustomerMetadataProperties.model_sha256": ("metadata model_sha256", "0" * 64)}


SWAPS = swaps()


def swap(cloud: Cloud, what: str, value: Any) -> None:
    """Change the package as UpdateModelPackage could."""
    kind, _, name = what.rpartition(" ")
    specification = cloud.package["InferenceSpecification"]
    place = {
        "Environment": cloud.container["Environment"],
        "package": cloud.package,
        "metadata": cloud.package["CustomerMetadataProperties"],
    }.get(kind, specification if name.startswith("+") else cloud.container)
    place[name.removeprefix("+")] = value


@pytest.fixture
def cloud(mixed: SimpleNamespace, check_request: Any) -> Cloud:
    return Cloud(mixed.archive, mixed.model, check_request)


@pytest.fixture
def deploy(tmp_path: Path) -> DeployEnvironment:
    (tmp_path / "model_package_arn.txt").write_text(ARN + "\n")
    return DeployEnvironment.read(BUILD | {"CODEBUILD_SRC_DIR_BuildArtifact": str(tmp_path)})


def run(deploy: DeployEnvironment, cloud: Any) -> None:
    deploy_model(deploy, s3=cloud, clients=cloud.clients, pauses=pauses)


def refused(deploy: DeployEnvironment, cloud: Cloud) -> str:
    """Return why the version is not deployed, asked for or fresh: the same, and nothing is made of it."""
    told = set()
    for each in (deploy, as_asked_for(deploy)):
        with pytest.raises(RoadError) as caught:
            run(each, cloud)
        told.add(str(caught.value))
    assert cloud.writes == []
    [text] = told
    assert "\n" not in text and "nothing was deployed" in text
    return text


# --- between approval and deployment


@pytest.mark.parametrize("field", SWAPS)
def test_a_swap_of_any_field_is_refused_and_named(deploy: DeployEnvironment, cloud: Cloud, field: str) -> None:
    swap(cloud, *SWAPS[field])

    told = refused(deploy, cloud)
    assert f"{ARN} was changed after it was registered: {field}" in told
    assert "registered was" in told and "aws cloudtrail lookup-events" in told


@pytest.mark.parametrize("field", ["Image", "ModelDataUrl", "Environment"])
def test_a_field_that_is_gone_is_refused_and_named(deploy: DeployEnvironment, cloud: Cloud, field: str) -> None:
    del cloud.container[field]

    assert f"InferenceSpecification.Containers[0].{field} is absent, registered was" in refused(deploy, cloud)


def test_another_archive_with_its_own_digest_is_refused(deploy: DeployEnvironment, cloud: Cloud) -> None:
    """The object and its digest are both the package's, and whoever may change one may change the other."""
    cloud.container["ModelDataUrl"] = "s3://bucket/models/2/model.tar.gz"
    cloud.package["CustomerMetadataProperties"]["model_sha256"] = "2" * 64

    told = refused(deploy, cloud)
    assert "CustomerMetadataProperties.model_sha256 is '222" in told
    assert "ModelDataUrl is 's3://bucket/models/2/model.tar.gz', registered was" in told


def test_another_tag_of_the_same_repository_is_refused(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.container["Image"] = cloud.container["Image"].rpartition(":")[0] + ":latest"

    assert "Containers[0].Image is " in refused(deploy, cloud)


def test_a_second_container_is_refused(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.package["InferenceSpecification"]["Containers"].append({**cloud.container})

    assert "InferenceSpecification.Containers[1] is " in refused(deploy, cloud)


def test_many_differences_are_counted(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.container["Environment"] |= dict.fromkeys("ABCDE", "x")

    assert "Environment.C is 'x', registered was absent; and 2 more; nothing was deployed" in refused(deploy, cloud)


def test_what_people_decide_and_note_stops_no_release(deploy: DeployEnvironment, cloud: Cloud) -> None:
    cloud.package |= {"ModelCard": {"ModelCardStatus": "Approved"}, "ModelLifeCycle": {"Stage": "Production"}}
    cloud.package["CustomerMetadataProperties"]["ticket"] = "OPS-1"
    run(deploy, cloud)

    assert cloud.version == 3


def test_every_content_that_awss_update_takes_is_recorded_or_peoples() -> None:
    taken = {name.removesuffix("ToAdd") for name in MODEL.operation_model("UpdateModelPackage").input_shape.members}
    assert taken - DECISIONS - PEOPLES - NO_CONTENT <= set(registration.FIELDS)
    assert set(registration.FIELDS) <= set(MODEL.shape_for("DescribeModelPackageOutput").members)


# --- the record


DESCRIPTION: dict[str, Any] = {
    "ModelPackageArn": ARN,
    "CreationTime": datetime(2026, 11, 24, 6, 0, 59, 999, tzinfo=timezone(timedelta(hours=1))),
    "ModelApprovalStatus": "PendingManualApproval",
    "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/m", "Environment": {"A": "1"}}]},
    "CustomerMetadataProperties": {"commit": "0123abc"},
}
REQUEST = {"InferenceSpecification": copy.deepcopy(DESCRIPTION["InferenceSpecification"])}
RECORD = registration.of(DESCRIPTION, archive_sha256="1" * 64, commit="0123abc", execution="e-1")


def test_a_record_lies_under_its_group_version_and_time_of_creation() -> None:
    assert registration.key("Churn", DESCRIPTION) == "registrations/Churn/3-20261124T050059Z.json"


def test_a_group_that_is_made_anew_has_records_of_its_own() -> None:
    again = DESCRIPTION | {"CreationTime": datetime(2026, 11, 25, tzinfo=UTC)}
    assert registration.key("Churn", again) != registration.key("Churn", DESCRIPTION)


def test_a_record_is_written_once_and_read_back(aws: SimpleNamespace) -> None:
    assert registration.record(aws.s3, aws.bucket, "Churn", DESCRIPTION, RECORD)
    other = registration.of(DESCRIPTION, archive_sha256="2" * 64, commit="4567def", execution="e-2")
    assert not registration.record(aws.s3, aws.bucket, "Churn", DESCRIPTION, other)
    assert registration.read(aws.s3, aws.bucket, "Churn", DESCRIPTION) == RECORD


def test_a_record_that_cannot_be_written_is_an_error(aws: SimpleNamespace) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        registration.record(aws.s3, "no-such-bucket-at-all", "Churn", DESCRIPTION, RECORD)


def test_a_record_holds_the_registrys_description_without_the_decision() -> None:
    kept = json.loads(json.dumps(vars(RECORD)))["package"]
    assert kept == {name: DESCRIPTION[name] for name in ("InferenceSpecification", "CustomerMetadataProperties")}


# --- between registration and record


FILLED_IN = {
    "ImageDigest": "sha256:0",
    "ModelDataETag": "e",
    "IsCheckpoint": False,
    "ModelDataSource": {
        "S3DataSource": {"S3Uri": "s3://b/m", "S3DataType": "S3Object", "CompressionType": "Gzip", "ETag": "e"}
    },
}


def test_what_sagemaker_fills_in_is_recorded_too() -> None:
    described = copy.deepcopy(DESCRIPTION)
    described["InferenceSpecification"]["Containers"][0] |= FILLED_IN
    registration.check_kept(REQUEST, described)
    recorded = registration.of(described, archive_sha256="1" * 64, commit="0123abc", execution="e-1")

    registration.check_unchanged(recorded, described)
    with pytest.raises(RoadError, match=r"Containers\[0\].ImageDigest is absent, registered was 'sha256:0'"):
        registration.check_unchanged(recorded, DESCRIPTION)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"Image": "other"}, r"Containers\[0\].Image is 'other', registered was 'i'"),
        ({"Environment": {"A": "2"}}, r"Containers\[0\].Environment.A is '2', registered was '1'"),
        ({"AdditionalS3DataSource": {"S3Uri": "s3://b/x"}}, r"AdditionalS3DataSource is .*, registered was absent"),
        ({"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/x"}}}, "ModelDataSource is .*, registered was absent"),
        ({"ModelDataSource": FILLED_IN["ModelDataSource"] | {"HubDataSource": {}}}, "ModelDataSource is "),
    ],
)
def test_a_version_that_was_changed_before_its_record_gets_none(changes: dict[str, Any], told: str) -> None:
    described = copy.deepcopy(DESCRIPTION)
    described["InferenceSpecification"]["Containers"][0] |= changes
    with pytest.raises(RoadError, match=f"{ARN} is not what this build registered: .*{told}"):
        registration.check_kept(REQUEST, described)


def test_a_second_container_before_the_record_gets_none() -> None:
    described = copy.deepcopy(DESCRIPTION)
    described["InferenceSpecification"]["Containers"] *= 2
    with pytest.raises(RoadError, match=r"Containers\[1\] is "):
        registration.check_kept(REQUEST, described)
