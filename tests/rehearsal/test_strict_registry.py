import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

GROUP = "ChurnPredictionModels"
SPECIFICATION = {
    "Containers": [{"Image": "1.dkr.ecr.us-east-1.amazonaws.com/sklearn:1.9-0", "ModelDataUrl": "s3://b/m.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{GROUP}/1"
MORE = [{"Name": "n", "Containers": SPECIFICATION["Containers"]}]


def refused(call, **parameters) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def sagemaker(cloud):
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=GROUP)
    return client


@pytest.fixture
def register(sagemaker):
    def create(**parameters) -> str:
        return sagemaker.create_model_package(ModelPackageGroupName=GROUP, **parameters)["ModelPackageArn"]

    return create


@pytest.fixture
def describe(sagemaker):
    return lambda arn: sagemaker.describe_model_package(ModelPackageName=arn)


def test_a_group_of_the_same_name_is_refused(sagemaker):
    message = refused(sagemaker.create_model_package_group, ModelPackageGroupName=GROUP)
    assert message.startswith("Model Package Group already exists: arn:aws:sagemaker:us-east-1:")


def test_a_package_keeps_everything_that_it_was_given(register, describe):
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/e.json"}}}
    given = {
        "InferenceSpecification": SPECIFICATION,
        "ModelMetrics": metrics,
        "MetadataProperties": {"CommitId": "abc"},
        "ModelPackageDescription": "a forest",
        "CustomerMetadataProperties": {"commit": "abc"},
        "ModelApprovalStatus": "PendingManualApproval",
    }
    package = describe(register(**given))
    assert {name: package[name] for name in given} == given
    assert (package["ModelPackageStatus"], package["ModelPackageGroupName"]) == ("Completed", GROUP)
    assert package["CreationTime"] <= datetime.now(UTC)


def card(status="Draft", **content) -> dict[str, str]:
    return {"ModelCardContent": json.dumps(content), "ModelCardStatus": status}


def test_a_package_keeps_its_model_card_and_an_update_of_the_status_keeps_the_content(sagemaker, register, describe):
    given = card("PendingReview", model_overview={"model_creator": "ada"})
    arn = register(ModelCard=given)
    assert describe(arn)["ModelCard"] == given
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert describe(arn)["ModelCard"] == given
    sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Archived"})
    assert describe(arn)["ModelCard"] == {**given, "ModelCardStatus": "Archived"}
    assert "Archived state" in refused(sagemaker.update_model_package, ModelPackageArn=arn, ModelCard=card())


METRIC = {"name": "accuracy", "type": "number", "value": 0.9}
UNKNOWN_KIND = [{"name": "m", "metric_data": [{**METRIC, "type": "n"}]}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model_package_details": {}}, "model_package_details"),
        ({"model_overview": {"model_name": "x"}}, "$.model_overview"),
        ({"intended_uses": {"risk_rating": "None"}}, "$.intended_uses.risk_rating"),
        ({"intended_uses": {"purpose_of_model": "x" * 2049}}, "$.intended_uses.purpose_of_model"),
        ({"evaluation_details": [{"metric_groups": []}]}, "'name' is a required property"),
        ({"evaluation_details": [{"name": "x" * 64}]}, "$.evaluation_details[0].name"),
        ({"evaluation_details": [{"name": "x", "metric_groups": UNKNOWN_KIND}]}, "metric_data[0]"),
        ({"additional_information": {"custom_details": {"commit": 1}}}, "custom_details.commit"),
        ([], "is not of type 'object'"),
    ],
)  # fmt: skip
def test_a_card_that_does_not_follow_the_schema_is_refused(sagemaker, content, says):
    bad = {"ModelCardContent": json.dumps(content), "ModelCardStatus": "Draft"}
    assert says in refused(sagemaker.create_model_package, ModelPackageGroupName=GROUP, ModelCard=bad)


@pytest.mark.parametrize("text", ["no JSON", "{}\n", json.dumps({"a": "x" * 100_000})], ids=["text", "lines", "long"])
def test_what_is_no_card_at_all_is_refused(sagemaker, text):
    bad = {"ModelCardContent": text, "ModelCardStatus": "Draft"}
    assert "ModelCardContent" in refused(sagemaker.create_model_package, ModelPackageGroupName=GROUP, ModelCard=bad)
    unknown = {"ModelCardContent": "{}", "ModelCardStatus": "Perfect"}
    with pytest.raises(ClientError, match="ModelCardStatus"):
        sagemaker.create_model_package(ModelPackageGroupName=GROUP, ModelCard=unknown)


def test_a_package_waits_for_approval_unless_told_otherwise(register, describe):
    assert describe(register())["ModelApprovalStatus"] == "PendingManualApproval"


def test_versions_are_numbered_by_group(sagemaker, register):
    sagemaker.create_model_package_group(ModelPackageGroupName="Other")
    first = int(register().rpartition("/")[2])
    other = sagemaker.create_model_package(ModelPackageGroupName="Other")["ModelPackageArn"]
    assert other.endswith(":model-package/Other/1")
    assert int(register().rpartition("/")[2]) == first + 1


def test_the_same_client_token_registers_once(register):
    assert register(ClientToken="token-1") == register(ClientToken="token-1")
    assert register(ClientToken="token-1") != register(ClientToken="token-2")


def test_a_package_has_a_group_or_a_name_and_not_both(sagemaker):
    both = refused(sagemaker.create_model_package, ModelPackageGroupName=GROUP, ModelPackageName="p")
    assert "Both ModelPackageName and ModelPackageGroupName are provided" in both


def test_a_package_needs_its_group(sagemaker):
    assert "Absent does not exist" in refused(sagemaker.create_model_package, ModelPackageGroupName="Absent")


def test_a_version_takes_no_tags_of_its_own(sagemaker):
    tags = [{"Key": "a", "Value": "b"}]
    assert "Tags are not allowed" in refused(sagemaker.create_model_package, ModelPackageGroupName=GROUP, Tags=tags)


def test_an_unknown_package_is_a_validation_error(sagemaker, register):
    absent = register().rpartition("/")[0] + "/999"
    assert "does not exist" in refused(sagemaker.describe_model_package, ModelPackageName=absent)
    approved = {"ModelPackageArn": absent, "ModelApprovalStatus": "Approved"}
    assert "does not exist" in refused(sagemaker.update_model_package, **approved)


def test_an_update_changes_what_it_mentions_and_nothing_else(sagemaker, register, describe):
    arn = register(CustomerMetadataProperties={"commit": "abc", "old": "1"}, InferenceSpecification=SPECIFICATION)
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="accuracy 0.93"
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"reviewer": "ada"},
        CustomerMetadataPropertiesToRemove=["old"],
    )
    package = describe(arn)
    assert package["CustomerMetadataProperties"] == {"commit": "abc", "reviewer": "ada"}
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "accuracy 0.93")
    assert package["InferenceSpecification"] == SPECIFICATION
    assert package["LastModifiedTime"] >= package["CreationTime"]


def test_a_package_tells_who_made_it_and_who_changed_it_last(cloud, roles, allow, sagemaker, register, describe):
    arn = register(ModelApprovalStatus="PendingManualApproval")
    operator = "arn:aws:iam::123456789012:user/operator"
    assert describe(arn)["CreatedBy"]["IamIdentity"]["Arn"] == operator
    assert "LastModifiedBy" not in describe(arn)
    held = roles.enter(allow("sagemaker:UpdateModelPackage", arn))
    cloud.client("sagemaker", held).update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    changed = describe(arn)
    assert changed["LastModifiedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:sts::123456789012:assumed-role/role-")
    assert changed["CreatedBy"]["IamIdentity"]["Arn"] == operator


def test_an_update_may_swap_the_containers_as_aws_allows(sagemaker, register, describe):
    arn = register(InferenceSpecification=SPECIFICATION)
    other = {**SPECIFICATION, "SupportedContentTypes": ["application/json"]}
    sagemaker.update_model_package(ModelPackageArn=arn, InferenceSpecification=other)
    assert describe(arn)["InferenceSpecification"] == other


def test_every_creation_and_update_is_told_to_listeners_who_can_already_read_it(cloud, sagemaker, register, describe):
    heard = []
    cloud.on_package_change(lambda arn: heard.append((arn, describe(arn)["ModelApprovalStatus"])))
    arn = register(ClientToken="heard-once")
    register(ClientToken="heard-once")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert heard == [(arn, "PendingManualApproval"), (arn, "Rejected")]


def test_packages_are_listed_by_group_and_status_newest_first_and_in_pages(sagemaker):
    sagemaker.create_model_package_group(ModelPackageGroupName="Listed")
    for status in ("Rejected", "Approved", "Approved"):
        sagemaker.create_model_package(ModelPackageGroupName="Listed", ModelApprovalStatus=status)

    def versions(**parameters):
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName="Listed", **parameters)
        return [[p["ModelPackageVersion"] for p in page["ModelPackageSummaryList"]] for page in pages]

    assert versions() == [[3, 2, 1]]
    assert versions(ModelApprovalStatus="Approved") == [[3, 2]]
    assert versions(SortBy="CreationTime", SortOrder="Ascending", MaxResults=2) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        ("update_model_package", {"ModelPackageArn": ARN, "AdditionalInferenceSpecificationsToAdd": MORE}),
        ("list_model_packages", {"NameContains": "x"}),
        ("list_model_packages", {"SortBy": "Name"}),
        ("create_model_package", {"ModelPackageName": "p"}),
    ],
)
def test_what_the_registry_does_not_keep_is_refused(sagemaker, call, parameters):
    with pytest.raises(ClientError, match="NotImplemented"):
        getattr(sagemaker, call)(**parameters)
