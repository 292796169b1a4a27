"""What each resource type becomes in the account."""

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from rehearsal.account.cloud import Cloud
from rehearsal.provision.resource_types import ProvisionError
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


# --- what watches, tells and reviews ---------------------------------------------------------------------------------


def test_topic_with_its_policy_and_its_readers(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    arn = make("aws:sns/topic:Topic", "t", name="told", kmsMasterKeyId="alias/aws/sns")["arn"]
    make("aws:sns/topicPolicy:TopicPolicy", "p", arn=arn, policy=document("sns:Publish", arn))
    made = make("aws:sns/topicSubscription:TopicSubscription", "s", topic=arn, protocol="email", endpoint="a@b.example")
    sns = cloud.client("sns")
    told = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert json.loads(told["Policy"])["Statement"][0]["Action"] == "sns:Publish"
    assert told["KmsMasterKeyId"] == "alias/aws/sns"
    [reader] = [each for each in sns.list_subscriptions()["Subscriptions"] if each["TopicArn"] == arn]
    assert (reader["SubscriptionArn"], reader["Endpoint"]) == (made["id"], "a@b.example")


def test_alarm_with_everything_that_it_judges_by(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    topic = f"arn:aws:sns:us-east-1:{cloud.account}:told"
    made = make(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "a",
        name="slow",
        alarmDescription="d",
        namespace="AWS/SageMaker",
        metricName="ModelLatency",
        dimensions={"VariantName": "AllTraffic", "EndpointName": "e"},
        extendedStatistic="p99",
        period=60,
        evaluationPeriods=5,
        datapointsToAlarm=3,
        threshold=2.5,
        comparisonOperator="GreaterThanOrEqualToThreshold",
        treatMissingData="notBreaching",
        alarmActions=[topic],
        okActions=[topic],
    )
    [told] = cloud.client("cloudwatch").describe_alarms(AlarmNames=["slow"])["MetricAlarms"]
    assert (told["AlarmArn"], told["ExtendedStatistic"], told["Threshold"]) == (made["arn"], "p99", 2.5)
    assert (told["EvaluationPeriods"], told["DatapointsToAlarm"], told["Period"]) == (5, 3, 60)
    assert (told["AlarmActions"], told["OKActions"], told["TreatMissingData"]) == ([topic], [topic], "notBreaching")
    assert {each["Name"]: each["Value"] for each in told["Dimensions"]} == {
        "EndpointName": "e",
        "VariantName": "AllTraffic",
    }


def test_metric_filter_and_dashboard(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    make(GROUP, "g", name="/watched")
    metric = {"name": "Age", "namespace": "N", "value": "$.age", "unit": "Seconds"}
    filter_type, dashboard_type = "logMetricFilter:LogMetricFilter", "dashboard:Dashboard"
    make(
        f"aws:cloudwatch/{filter_type}",
        "f",
        name="age",
        logGroupName="/watched",
        pattern="{ $.age >= 0 }",
        metricTransformation=metric,
    )
    body = json.dumps({"widgets": []})
    made = make(f"aws:cloudwatch/{dashboard_type}", "d", dashboardName="board", dashboardBody=body)
    [told] = cloud.client("logs").describe_metric_filters(logGroupName="/watched")["metricFilters"]
    assert (told["filterName"], told["filterPattern"]) == ("age", "{ $.age >= 0 }")
    assert told["metricTransformations"] == [
        {"metricName": "Age", "metricNamespace": "N", "metricValue": "$.age", "unit": "Seconds"}
    ]
    assert json.loads(cloud.client("cloudwatch").get_dashboard(DashboardName="board")["DashboardBody"]) == {
        "widgets": []
    }
    assert made["dashboardArn"] == f"arn:aws:cloudwatch::{cloud.account}:dashboard/board"


def test_trail_records_what_its_selectors_say(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    make(BUCKET, "b", bucket="trail-files")
    fields = [
        {"field": "eventCategory", "equals": ["Data"]},
        {"field": "resources.ARN", "startsWiths": ["arn:aws:s3:::models/"]},
    ]
    make(
        "aws:cloudtrail/trail:Trail",
        "t",
        name="audit",
        s3BucketName="trail-files",
        enableLogFileValidation=True,
        isMultiRegionTrail=True,
        includeGlobalServiceEvents=True,
        advancedEventSelectors=[{"name": "models", "fieldSelectors": fields}],
    )
    client = cloud.client("cloudtrail")
    told = client.get_trail(Name="audit")["Trail"]
    assert (told["S3BucketName"], told["LogFileValidationEnabled"]) == ("trail-files", True)
    assert client.get_trail_status(Name="audit")["IsLogging"] is True
    assert client.get_event_selectors(TrailName="audit")["AdvancedEventSelectors"] == [
        {
            "Name": "models",
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::models/"]},
            ],
        }
    ]


def test_bucket_logs_requests_only_where_the_target_lets_it(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    for name in ("logged", "access-logs"):
        make(BUCKET, name, bucket=name)
    to_logs = {"bucket": "logged", "targetBucket": "access-logs", "targetPrefix": "logged/"}
    with pytest.raises(ProvisionError, match="InvalidTargetBucketForLogging"):
        make("aws:s3/bucketLogging:BucketLogging", "l", **to_logs)
    delivery = {
        "Sid": "D",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::access-logs/logged/*",
        "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::logged"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [delivery]})
    make("aws:s3/bucketPolicy:BucketPolicy", "p", bucket="access-logs", policy=policy)
    make("aws:s3/bucketLogging:BucketLogging", "l", **to_logs)
    told = cloud.client("s3").get_bucket_logging(Bucket="logged")["LoggingEnabled"]
    assert (told["TargetBucket"], told["TargetPrefix"]) == ("access-logs", "logged/")


def test_bucket_tells_eventbridge(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    make(BUCKET, "b", bucket="telling")
    make("aws:s3/bucketNotification:BucketNotification", "n", bucket="telling", eventbridge=True)
    told = cloud.client("s3").get_bucket_notification_configuration(Bucket="telling")
    assert told["EventBridgeConfiguration"] == {}


def test_approval_rule_template_rules_its_repository(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    make("aws:codecommit/repository:Repository", "r", repositoryName="reviewed")
    content = json.dumps({"Version": "2018-11-08", "Statements": []})
    place, template = "aws:codecommit/approvalRuleTemplate", "ApprovalRuleTemplate"
    make(f"{place}:{template}", "t", name="two", description="d", content=content)
    make(f"{place}Association:{template}Association", "a", approvalRuleTemplateName="two", repositoryName="reviewed")
    codecommit = cloud.client("codecommit")
    ruling = codecommit.list_associated_approval_rule_templates_for_repository(repositoryName="reviewed")
    assert ruling["approvalRuleTemplateNames"] == ["two"]
    told = codecommit.get_approval_rule_template(approvalRuleTemplateName="two")["approvalRuleTemplate"]
    assert told["approvalRuleTemplateContent"] == content


def test_rule_on_a_schedule(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    make(RULE, "r", name="hourly", scheduleExpression="rate(1 hour)", eventPattern=None, description="d")
    told = cloud.client("events").describe_rule(Name="hourly")
    assert (told["ScheduleExpression"], told.get("EventPattern")) == ("rate(1 hour)", None)


def test_function_with_its_key_and_its_traces(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    role = make(ROLE, "r", name="traced", assumeRolePolicy=trust("lambda.amazonaws.com"))["arn"]
    key = f"arn:aws:kms:us-east-1:{cloud.account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    code = pulumi.AssetArchive({"a.py": pulumi.StringAsset("a")})
    function = {"role": role, "runtime": "python3.13", "handler": "a.b", "code": code}
    make(FUNCTION, "f", name="traced", kmsKeyArn=key, tracingConfig={"mode": "Active"}, **function)
    told = cloud.client("lambda").get_function(FunctionName="traced")["Configuration"]
    assert (told["KMSKeyArn"], told["TracingConfig"]) == (key, {"Mode": "Active"})


def test_pipeline_with_variables_a_trigger_and_actions_in_order(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    role = make(ROLE, "p", name="triggered", assumeRolePolicy=trust("codepipeline.amazonaws.com"))["arn"]
    connection = f"arn:aws:codeconnections:us-east-1:{cloud.account}:connection/0a1b2c3d"
    source = {
        "name": "Source",
        "category": "Source",
        "owner": "AWS",
        "provider": "CodeStarSourceConnection",
        "version": "1",
        "configuration": {"ConnectionArn": connection, "FullRepositoryId": "o/r", "BranchName": "main"},
        "outputArtifacts": ["Source"],
    }
    person = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    git = {"sourceActionName": "Source", "pushes": [{"branches": {"includes": ["main"]}}]}
    make(
        PIPELINE,
        "pipe",
        name="triggered",
        roleArn=role,
        pipelineType="V2",
        artifactStores=[{"type": "S3", "location": "store"}],
        variables=[{"name": "RELEASE", "defaultValue": "none", "description": "d"}],
        triggers=[{"providerType": "CodeStarSourceConnection", "gitConfiguration": git}],
        stages=[
            {"name": "Source", "actions": [source]},
            {
                "name": "Approval",
                "actions": [{**person, "name": "One", "runOrder": 1}, {**person, "name": "Two", "runOrder": 2}],
            },
        ],
    )
    told = cloud.client("codepipeline").get_pipeline(name="triggered")["pipeline"]
    assert told["variables"] == [{"name": "RELEASE", "defaultValue": "none", "description": "d"}]
    assert told["triggers"] == [
        {
            "providerType": "CodeStarSourceConnection",
            "gitConfiguration": {"sourceActionName": "Source", "push": [{"branches": {"includes": ["main"]}}]},
        }
    ]
    assert [action["runOrder"] for action in told["stages"][1]["actions"]] == [1, 2]
