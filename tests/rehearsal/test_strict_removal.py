"""What AWS refuses to delete while others use it is refused here too, and what it takes along goes along."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.account.cloud import Cloud
from rehearsal.account.inventory import inventory
from tests.rehearsal.conftest import Roles

POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
CONTENT = json.dumps({"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 2}]})


# --- what others use -------------------------------------------------------------------------------------------------


def test_a_policy_goes_only_once_it_is_detached(cloud: Cloud, roles: Roles) -> None:
    iam, role = cloud.client("iam"), roles.create().rpartition("/")[2]
    arn = iam.create_policy(PolicyName="held", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    with pytest.raises(iam.exceptions.DeleteConflictException, match="attached to entities"):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)


def test_a_rule_goes_only_without_targets(cloud: Cloud) -> None:
    events = cloud.client("events")
    events.put_rule(Name="held", EventPattern='{"source": ["x"]}')
    target = {"Id": "t", "Arn": f"arn:aws:lambda:us-east-1:{cloud.account}:function:f"}
    events.put_targets(Rule="held", Targets=[target])
    with pytest.raises(ClientError, match="Rule can't be deleted since it has targets"):
        events.delete_rule(Name="held")
    events.remove_targets(Rule="held", Ids=["t"])
    events.delete_rule(Name="held")


def test_a_topic_takes_its_subscriptions_along_and_no_others(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    arns = [sns.create_topic(Name=name)["TopicArn"] for name in ("goes", "stays")]
    for arn in arns:
        sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="a@b.example")
    sns.delete_topic(TopicArn=arns[0])
    assert {each["TopicArn"] for each in sns.list_subscriptions()["Subscriptions"]} == {arns[1]}


def test_a_bucket_that_keeps_no_new_versions_can_be_emptied_of_the_old_ones(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="suspended")
    s3.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="suspended", Key="k", Body=b"x")
    s3.delete_object(Bucket="suspended", Key="k")
    s3.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": "Suspended"})
    listed = s3.list_object_versions(Bucket="suspended")
    for each in [*listed["Versions"], *listed["DeleteMarkers"]]:
        s3.delete_object(Bucket="suspended", Key="k", VersionId=each["VersionId"])
    s3.delete_bucket(Bucket="suspended")
    assert "suspended" not in {each["Name"] for each in s3.list_buckets()["Buckets"]}


def test_a_new_bucket_of_an_old_name_has_none_of_its_settings(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    deny = {
        "Sid": "D",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::again/*",
    }
    s3.create_bucket(Bucket="again")
    s3.put_bucket_policy(Bucket="again", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    s3.put_bucket_notification_configuration(Bucket="again", NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.delete_bucket(Bucket="again")
    s3.create_bucket(Bucket="again")
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="again")
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="again")
    s3.delete_bucket(Bucket="again")


# --- the registry ----------------------------------------------------------------------------------------------------


@pytest.fixture
def group(cloud: Cloud) -> Iterator[str]:
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="Churn")
    yield "Churn"
    for each in sagemaker.list_model_packages(ModelPackageGroupName="Churn")["ModelPackageSummaryList"]:
        sagemaker.delete_model_package(ModelPackageName=each["ModelPackageArn"])
    if "model package group Churn" in inventory(cloud):
        sagemaker.delete_model_package_group(ModelPackageGroupName="Churn")


def version(cloud: Cloud, group: str) -> str:
    return str(cloud.client("sagemaker").create_model_package(ModelPackageGroupName=group)["ModelPackageArn"])


def test_a_group_goes_only_without_versions(cloud: Cloud, group: str) -> None:
    sagemaker, arn = cloud.client("sagemaker"), version(cloud, group)
    with pytest.raises(sagemaker.exceptions.ConflictException, match="has 1 versions"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="ModelPackageGroup Churn does not exist"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)


def test_the_number_of_a_deleted_version_is_not_given_again(cloud: Cloud, group: str) -> None:
    first, second = version(cloud, group), version(cloud, group)
    for arn in (first, second):
        cloud.client("sagemaker").delete_model_package(ModelPackageName=arn)
    assert version(cloud, group).endswith("/3")
    with pytest.raises(ClientError, match="does not exist"):
        cloud.client("sagemaker").describe_model_package(ModelPackageName=first)


# --- projects and pipelines ------------------------------------------------------------------------------------------


def _project(roles: Roles) -> dict[str, Any]:
    return {
        "name": "train",
        "serviceRole": roles.create(),
        "source": {"type": "CODEPIPELINE", "buildspec": "a.yml"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    }


def test_a_project_is_changed_part_by_part_and_deleted_more_than_once(cloud: Cloud, roles: Roles) -> None:
    codebuild = cloud.client("codebuild")
    codebuild.create_project(**_project(roles), description="old")
    codebuild.update_project(name="train", source={"type": "CODEPIPELINE", "buildspec": "b.yml"})
    [told] = codebuild.batch_get_projects(names=["train"])["projects"]
    assert (told["source"]["buildspec"], told["description"]) == ("b.yml", "old")
    with pytest.raises(codebuild.exceptions.InvalidInputException):
        codebuild.update_project(name="train", artifacts={"type": "NO_ARTIFACTS"})
    for _ in range(2):
        codebuild.delete_project(name="train")
    assert codebuild.list_projects()["projects"] == []
    with pytest.raises(codebuild.exceptions.ResourceNotFoundException):
        codebuild.update_project(name="train", description="late")


def _pipeline(role_arn: str, branch: str) -> dict[str, Any]:
    source = {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"}
    person = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {
        "name": "p",
        "roleArn": role_arn,
        "artifactStore": {"type": "S3", "location": "store"},
        "stages": [
            {
                "name": "Source",
                "actions": [
                    {
                        "name": "Source",
                        "actionTypeId": source,
                        "configuration": {"RepositoryName": "r", "BranchName": branch},
                        "outputArtifacts": [{"name": "Source"}],
                    }
                ],
            },
            {"name": "Ask", "actions": [{"name": "Ask", "actionTypeId": person}]},
        ],
    }


def test_a_pipeline_counts_its_versions_and_is_deleted_more_than_once(cloud: Cloud, roles: Roles) -> None:
    codepipeline, role = cloud.client("codepipeline"), roles.create(service="codepipeline.amazonaws.com")
    codepipeline.create_pipeline(pipeline=_pipeline(role, "main"))
    codepipeline.update_pipeline(pipeline=_pipeline(role, "next"))
    told = codepipeline.get_pipeline(name="p")["pipeline"]
    assert (told["version"], told["stages"][0]["actions"][0]["configuration"]["BranchName"]) == (2, "next")
    for _ in range(2):
        codepipeline.delete_pipeline(name="p")
    assert codepipeline.list_pipelines()["pipelines"] == []
    with pytest.raises(codepipeline.exceptions.PipelineNotFoundException):
        codepipeline.update_pipeline(pipeline=_pipeline(role, "late"))


# --- approval rule templates -----------------------------------------------------------------------------------------


def test_a_template_goes_only_once_it_rules_no_repository(cloud: Cloud) -> None:
    codecommit = cloud.client("codecommit")
    codecommit.create_repository(repositoryName="r")
    codecommit.create_approval_rule_template(approvalRuleTemplateName="two", approvalRuleTemplateContent=CONTENT)
    both = {"approvalRuleTemplateName": "two", "repositoryName": "r"}
    codecommit.associate_approval_rule_template_with_repository(**both)
    with pytest.raises(codecommit.exceptions.ApprovalRuleTemplateInUseException):
        codecommit.delete_approval_rule_template(approvalRuleTemplateName="two")
    codecommit.disassociate_approval_rule_template_from_repository(**both)
    codecommit.delete_approval_rule_template(approvalRuleTemplateName="two")
    assert codecommit.list_approval_rule_templates()["approvalRuleTemplateNames"] == []


def test_a_template_is_refused_twice_without_rules_and_for_an_unknown_repository(cloud: Cloud) -> None:
    codecommit, named = cloud.client("codecommit"), {"approvalRuleTemplateName": "one"}
    with pytest.raises(codecommit.exceptions.InvalidApprovalRuleTemplateContentException):
        codecommit.create_approval_rule_template(**named, approvalRuleTemplateContent='{"Version": "2018-11-08"}')
    codecommit.create_approval_rule_template(**named, approvalRuleTemplateContent=CONTENT)
    with pytest.raises(codecommit.exceptions.ApprovalRuleTemplateNameAlreadyExistsException):
        codecommit.create_approval_rule_template(**named, approvalRuleTemplateContent=CONTENT)
    with pytest.raises(codecommit.exceptions.RepositoryDoesNotExistException):
        codecommit.associate_approval_rule_template_with_repository(**named, repositoryName="nobodys")
    with pytest.raises(codecommit.exceptions.ApprovalRuleTemplateDoesNotExistException):
        codecommit.get_approval_rule_template(approvalRuleTemplateName="none")
