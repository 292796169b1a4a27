"""The registry: ARNs taken as they are, waiting with an end, one decision that stands."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import registry
from ml.errors import InputError, RoadError
from ml.gate import EvidenceError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/7"


class Packages:
    """A registry of one package: each description is asked for once, the last one stays."""

    def __init__(self, *descriptions: dict[str, Any], conflicts: int = 0) -> None:
        self.descriptions = list(descriptions)
        self.conflicts = conflicts
        self.updates: list[dict[str, Any]] = []

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        assert ModelPackageName == ARN
        return self.descriptions.pop(0) if len(self.descriptions) > 1 else self.descriptions[0]

    def update_model_package(self, **parameters: Any) -> dict[str, Any]:
        self.updates.append(parameters)
        if self.conflicts:
            self.conflicts -= 1
            raise ClientError({"Error": {"Code": "ConflictException", "Message": "busy"}}, "UpdateModelPackage")
        status, reason = parameters["ModelApprovalStatus"], parameters["ApprovalDescription"]
        self.descriptions = [package(ModelApprovalStatus=status, ApprovalDescription=reason)]
        return {"ModelPackageArn": parameters["ModelPackageArn"]}


def package(**changes: Any) -> dict[str, Any]:
    return {"ModelPackageStatus": "Completed", "ModelApprovalStatus": "PendingManualApproval"} | changes


# --- ARNs


def test_an_arn_is_taken_apart_and_kept_as_it_was() -> None:
    found = registry.parse_model_package_arn(ARN)

    assert (found.text, found.partition, found.region) == (ARN, "aws", "us-east-1")
    assert (found.account, found.group, found.version) == ("123456789012", "ChurnPredictionModels", 7)


@pytest.mark.parametrize("group", ["ChurnPredictionModels", "churnpredictionmodels", "CHURNPREDICTIONMODELS"])
def test_groups_are_compared_in_any_case(group: str) -> None:
    assert registry.parse_model_package_arn(ARN).is_in_group(group)
    assert not registry.parse_model_package_arn(ARN).is_in_group(group + "-prod")


@pytest.mark.parametrize(
    "text",
    [
        None, 7, [], {}, "", " ", "abc", ARN + "\n", "\ufeff" + ARN, f'"{ARN}"', ARN + " " + ARN, ARN + "/8",
        ARN.replace("/7", ""), ARN.replace("/7", "/0"), ARN.replace("/7", "/-1"), ARN.replace("/7", "/abc"),
        ARN.replace("/7", "/٧"), ARN.replace("/7", "/1" + "0" * 20), ARN.replace("sagemaker", "s3"),
        ARN.replace("model-package/", "model-package-group/"), ARN.replace("123456789012", "12345678901"),
        ARN.replace("123456789012", ""), ARN.replace("us-east-1", ""), ARN.replace("Churn", "Chürn"),
        ARN.replace("Models/", "Models-/"), ARN.replace("Churn", "C" * 60), ARN.replace("aws:", "AWS:", 1),
    ],
)  # fmt: skip
def test_anything_else_than_one_versioned_arn_is_refused_in_one_line(text: object) -> None:
    with pytest.raises(InputError, match="is not the ARN of a model package version") as caught:
        registry.parse_model_package_arn(text)

    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("uri", ["", "bucket/key", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key"])
def test_only_objects_have_a_bucket_and_a_key(uri: str) -> None:
    with pytest.raises(ValueError, match="^" + uri.replace("/", "/") + "$"):
        registry.split_s3_uri(uri)


def test_a_key_may_hold_anything() -> None:
    assert registry.split_s3_uri("s3://bucket/a/b?c#d e") == ("bucket", "a/b?c#d e")


# --- waiting


def test_a_package_is_awaited_until_it_is_complete() -> None:
    packages = Packages(
        package(ModelPackageStatus="Pending"), package(ModelPackageStatus="InProgress"), package(Found=1)
    )

    assert registry.wait_until_completed(packages, ARN, [0, 0.2, 0.5])["Found"] == 1


def test_waiting_ends_with_the_pauses() -> None:
    with pytest.raises(RoadError, match=f"{ARN} is still InProgress after the time allowed"):
        registry.wait_until_completed(Packages(package(ModelPackageStatus="InProgress")), ARN, [0, 0.2])


def test_a_failed_package_tells_why() -> None:
    details = {"ValidationStatuses": [{"Name": "x", "Status": "Failed", "FailureReason": "no\nsuch image"}]}
    failed = package(ModelPackageStatus="Failed", ModelPackageStatusDetails=details)
    with pytest.raises(RoadError, match="is Failed: no such image. Repair the cause"):
        registry.wait_until_completed(Packages(failed), ARN, [0])


def test_pauses_grow_and_end_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(registry, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    waited = list(registry.growing_pauses(30))

    assert waited[0] == 0
    assert waited[-1] == pytest.approx(30)
    assert slept[:3] == pytest.approx([0.2, 0.25, 0.3125])
    assert max(slept) == pytest.approx(3)
    assert len(waited) < 30


# --- evidence


def test_the_evaluation_is_the_registered_object_and_digest() -> None:
    statistics = {"S3Uri": "s3://bucket/e/1.json", "ContentDigest": "sha256:" + "b" * 64}
    found = registry.evaluation_of({"ModelMetrics": {"ModelQuality": {"Statistics": statistics}}})

    assert (found.bucket, found.key, found.sha256) == ("bucket", "e/1.json", "b" * 64)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"ModelMetrics": {}},
        {"ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "https://host/key"}}}},
        {"ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://bucket/key"}}}},
        {"ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://bucket/key", "ContentDigest": "md5:1"}}}},
    ],
)
def test_a_package_without_a_vouched_evaluation_is_an_evidence_fault(description: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="Train the model again"):
        registry.evaluation_of(description)


# --- deciding


def test_a_pending_package_is_decided_with_a_printable_reason(check_request: Any) -> None:
    packages = Packages(package())
    found = registry.set_status(packages, ARN, "Rejected", "accuracy\n0.7 \x1b[31mis below " + "0" * 2000)

    (update,) = packages.updates
    check_request("sagemaker", "UpdateModelPackage", update)
    assert update.keys() == {"ModelPackageArn", "ModelApprovalStatus", "ApprovalDescription"}
    assert len(update["ApprovalDescription"]) == 1024
    assert update["ApprovalDescription"].isprintable()
    assert found == registry.Standing(status="Rejected", reason=update["ApprovalDescription"], written=True)


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_a_decision_is_never_changed(status: str) -> None:
    packages = Packages(package(ModelApprovalStatus=status, ApprovalDescription="by Ann"))
    found = registry.set_status(packages, ARN, "Approved", "good")

    assert packages.updates == []
    assert found == registry.Standing(status=status, reason="by Ann", written=False)


def test_a_conflict_is_answered_by_reading_again() -> None:
    packages = Packages(package(), package(ModelApprovalStatus="Rejected", ApprovalDescription="by Ann"), conflicts=1)
    found = registry.set_status(packages, ARN, "Approved", "good")

    assert found == registry.Standing(status="Rejected", reason="by Ann", written=False)


def test_two_conflicts_are_survived_and_three_are_an_error() -> None:
    packages = Packages(package(), conflicts=2)
    assert registry.set_status(packages, ARN, "Approved", "good").written

    packages = Packages(package(), conflicts=3)
    with pytest.raises(RoadError, match="somebody else keeps changing the package"):
        registry.set_status(packages, ARN, "Approved", "good")
    assert len(packages.updates) == 3


def test_other_faults_of_the_registry_are_not_hidden(client_error: Any) -> None:
    class Throttled(Packages):
        def update_model_package(self, **parameters: Any) -> Any:
            raise client_error("ThrottlingException")

    with pytest.raises(ClientError, match="ThrottlingException"):
        registry.set_status(Throttled(package()), ARN, "Approved", "good")
