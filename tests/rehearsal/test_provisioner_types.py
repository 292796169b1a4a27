"""What each resource type becomes in the account."""

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from rehearsal.account.cloud import Cloud
from tests.rehearsal.stack_account import (
    BUCKET,
    FUNCTION,
    GROUP,
    PIPELINE,
    PROJECT,
    ROLE,
    RULE,
    TARGET,
    Outputs,
    Stacks,
    document,
    trust,
)

RETRIES = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"


@pytest.fixture(scope="module")
def make(stacks: Stacks) -> Callable[..., Outputs]:
    return stacks.make


def test_bucket_and_its_side_resources(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    key = make("aws:kms/key:Key", "key", enableKeyRotation=True, deletionWindowInDays=30)["arn"]
    bucket = make(BUCKET, "bucket", bucket="sides", tags={"team": "x"})
    assert (bucket["arn"], bucket["region"]) == ("arn:aws:s3:::sides", "us-east-1")
    side = "aws:s3/bucket{0}:Bucket{0}".format
    make(side("Versioning"), "v", bucket="sides", versioningConfiguration={"status": "Enabled"})
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
    rule = {"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}
    make(side("ServerSideEncryptionConfiguration"), "e", bucket="sides", rules=[rule])
    flags = {
        "blockPublicAcls": True,
        "ignorePublicAcls": True,
        "blockPublicPolicy": True,
        "restrictPublicBuckets": False,
    }
    make(side("PublicAccessBlock"), "p", bucket="sides", **flags)
    make(side("OwnershipControls"), "o", bucket="sides", rule={"objectOwnership": "BucketOwnerEnforced"})
    make(side("Policy"), "b", bucket="sides", policy=document("s3:GetObject"))
    tidy = {
        "id": "tidy",
        "status": "Enabled",
        "filter": {"prefix": "tmp/"},
        "expiration": {"days": 7},
        "noncurrentVersionExpiration": {"noncurrentDays": 8},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 9},
    }
    make(side("LifecycleConfiguration"), "l", bucket="sides", rules=[tidy])
    s3, of = cloud.client("s3"), {"Bucket": "sides"}
    assert s3.get_bucket_versioning(**of)["Status"] == "Enabled"
    assert s3.get_bucket_encryption(**of)["ServerSideEncryptionConfiguration"]["Rules"][0] == {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    block = s3.get_public_access_block(**of)["PublicAccessBlockConfiguration"]
    assert (block["BlockPublicPolicy"], block["RestrictPublicBuckets"]) == (True, False)
    assert s3.get_bucket_ownership_controls(**of)["OwnershipControls"]["Rules"][0]["ObjectOwnership"].endswith(
        "Enforced"
    )
    assert json.loads(s3.get_bucket_policy(**of)["Policy"])["Statement"][0]["Action"] == "s3:GetObject"
    stored = s3.get_bucket_lifecycle_configuration(**of)["Rules"][0]
    assert (stored["Filter"], stored["Expiration"]["Days"]) == ({"Prefix": "tmp/"}, 7)
    assert stored["NoncurrentVersionExpiration"]["NoncurrentDays"] == 8
    assert stored["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 9
    assert s3.get_bucket_tagging(**of)["TagSet"] == [{"Key": "team", "Value": "x"}]


def test_key_rotates_and_has_its_alias_and_policy(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    key = make("aws:kms/key:Key", "key", enableKeyRotation=True, policy=document("kms:*"), description="d")
    alias = make("aws:kms/alias:Alias", "alias", name="alias/mine", targetKeyId=key["keyId"])
    kms = cloud.client("kms")
    assert kms.describe_key(KeyId="alias/mine")["KeyMetadata"]["Arn"] == key["arn"] == alias["targetKeyArn"]
    assert kms.get_key_rotation_status(KeyId=key["keyId"])["KeyRotationEnabled"] is True
    assert json.loads(key["policy"])["Statement"][0]["Action"] == "kms:*"
    assert make("aws:kms/alias:Alias", "other", targetKeyId=key["keyId"])["name"].startswith("alias/other-")


def test_log_group_keeps_its_days(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    made = make(GROUP, "it", name="/kept", retentionInDays=365, tags={"team": "x"})
    [group] = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/kept")["logGroups"]
    assert (group["retentionInDays"], made["arn"]) == (365, f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/kept")


def test_rule_target_queue_and_topic(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    queue = make("aws:sqs/queue:Queue", "q", name="letters", messageRetentionSeconds=60, sqsManagedSseEnabled=True)
    make("aws:sqs/queuePolicy:QueuePolicy", "qp", queueUrl=queue["url"], policy=document("sqs:SendMessage"))
    rule = make(RULE, "r", name="rule", eventPattern='{"source":["x"]}', state="DISABLED")
    arn = f"arn:aws:lambda:us-east-1:{cloud.account}:function:f"
    retries = {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 3600}
    make(
        TARGET,
        "t",
        rule=rule["name"],
        targetId="judge",
        arn=arn,
        deadLetterConfig={"arn": queue["arn"]},
        retryPolicy=retries,
    )
    events, sqs = cloud.client("events"), cloud.client("sqs")
    assert events.list_targets_by_rule(Rule="rule")["Targets"] == [
        {
            "Id": "judge",
            "Arn": arn,
            "DeadLetterConfig": {"Arn": queue["arn"]},
            "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
        }
    ]
    assert events.describe_rule(Name="rule")["State"] == "DISABLED"
    assert events.describe_rule(Name="rule")["Arn"] == rule["arn"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue["url"], AttributeNames=["All"])["Attributes"]
    assert (attributes["QueueArn"], attributes["MessageRetentionPeriod"]) == (queue["arn"], "60")
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert json.loads(attributes["Policy"])["Statement"][0]["Action"] == "sqs:SendMessage"
    topic = make("aws:sns/topic:Topic", "topic", name="news", displayName="News")
    assert cloud.client("sns").get_topic_attributes(TopicArn=topic["arn"])["Attributes"]["DisplayName"] == "News"


def test_repository_is_a_bare_git_repository_and_its_clone_url(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    made = make("aws:codecommit/repository:Repository", "it", repositoryName="code", description="d")
    assert (Path(made["cloneUrlHttp"]) / "hooks" / "post-receive").is_file()
    told = cloud.client("codecommit").get_repository(repositoryName="code")["repositoryMetadata"]
    assert (made["arn"], made["repositoryId"]) == (told["Arn"], told["repositoryId"])


def test_project_and_pipeline_keep_what_the_runners_read(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    build_role = make(ROLE, "b", name="build", assumeRolePolicy=trust("codebuild.amazonaws.com"))["arn"]
    role = make(ROLE, "p", name="pipe", assumeRolePolicy=trust("codepipeline.amazonaws.com"))["arn"]
    variable = {"name": "A", "value": "", "type": "PLAINTEXT"}
    environment = {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"}
    project = make(
        PROJECT,
        "train",
        name="train",
        serviceRole=build_role,
        source={"type": "CODEPIPELINE", "buildspec": "b.yml"},
        artifacts={"type": "CODEPIPELINE"},
        environment={**environment, "environmentVariables": [variable]},
        logsConfig={"cloudwatchLogs": {"status": "ENABLED", "groupName": "/g"}},
        buildTimeout=60,
        queuedTimeout=30,
        encryptionKey="arn:aws:kms:us-east-1:123456789012:key/k",
    )
    [told] = cloud.client("codebuild").batch_get_projects(names=["train"])["projects"]
    assert (told["arn"], told["serviceRole"], told["timeoutInMinutes"]) == (project["id"], build_role, 60)
    assert told["environment"] == {**environment, "environmentVariables": [variable]}
    assert told["logsConfig"]["cloudWatchLogs"]["groupName"] == "/g"
    source = {"name": "Source", "category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"}
    build = {"name": "Build", "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}
    make(
        PIPELINE,
        "pipe",
        name="pipe",
        roleArn=role,
        pipelineType="V2",
        artifactStores=[{"type": "S3", "location": "store", "encryptionKey": {"id": "k", "type": "KMS"}}],
        stages=[
            {
                "name": "Source",
                "actions": [
                    {
                        **source,
                        "configuration": {"RepositoryName": "code", "BranchName": "main"},
                        "outputArtifacts": ["Source"],
                        "namespace": "SourceVariables",
                    }
                ],
            },
            {
                "name": "Build",
                "actions": [{**build, "configuration": {"ProjectName": "train"}, "inputArtifacts": ["Source"]}],
            },
        ],
    )
    pipeline = cloud.client("codepipeline").get_pipeline(name="pipe")["pipeline"]
    assert (pipeline["executionMode"], pipeline["pipelineType"]) == ("SUPERSEDED", "V2")
    assert pipeline["artifactStore"]["encryptionKey"] == {"id": "k", "type": "KMS"}
    action = pipeline["stages"][0]["actions"][0]
    assert (action["namespace"], action["outputArtifacts"], action["runOrder"]) == (
        "SourceVariables",
        [{"name": "Source"}],
        1,
    )


def test_function_with_its_archive_permission_and_retries(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    role = make(ROLE, "r", name="function", assumeRolePolicy=trust("lambda.amazonaws.com"))["arn"]
    queue = make("aws:sqs/queue:Queue", "q", name="dead")["arn"]
    made = make(
        FUNCTION,
        "f",
        name="judge",
        role=role,
        runtime="python3.13",
        handler="a.handler",
        architectures=["arm64"],
        memorySize=256,
        code=pulumi.AssetArchive({"b.py": pulumi.StringAsset("b"), "a.py": pulumi.StringAsset("a")}),
        loggingConfig={"logFormat": "Text", "logGroup": "/aws/lambda/judge"},
        deadLetterConfig={"targetArn": queue},
        reservedConcurrentExecutions=1,
    )
    rule = f"arn:aws:events:us-east-1:{cloud.account}:rule/r"
    make(
        "aws:lambda/permission:Permission",
        "p",
        function="judge",
        statementId="Rule",
        action="lambda:InvokeFunction",
        principal="events.amazonaws.com",
        sourceArn=rule,
        sourceAccount=cloud.account,
    )
    make(
        RETRIES,
        "c",
        functionName="judge",
        maximumRetryAttempts=1,
    )
    client = cloud.client("lambda")
    told = client.get_function(FunctionName="judge")["Configuration"]
    assert (told["FunctionArn"], told["MemorySize"], told["Architectures"]) == (made["arn"], 256, ["arm64"])
    assert told["CodeSha256"] == made["codeSha256"]
    assert client.get_function_event_invoke_config(FunctionName="judge")["MaximumRetryAttempts"] == 1
    assert client.get_function_concurrency(FunctionName="judge")["ReservedConcurrentExecutions"] == 1
    [statement] = json.loads(client.get_policy(FunctionName="judge")["Policy"])["Statement"]
    assert (statement["Sid"], statement["Principal"]) == ("Rule", {"Service": "events.amazonaws.com"})
    assert statement["Condition"]["ArnLike"] == {"AWS:SourceArn": rule}


def test_model_package_group(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    made = make(
        "aws:sagemaker/modelPackageGroup:ModelPackageGroup",
        "g",
        modelPackageGroupName="Churn",
        modelPackageGroupDescription="d",
    )
    told = cloud.client("sagemaker").describe_model_package_group(ModelPackageGroupName="Churn")
    assert (told["ModelPackageGroupArn"], told["ModelPackageGroupDescription"]) == (made["arn"], "d")
