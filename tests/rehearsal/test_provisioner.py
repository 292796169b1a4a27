"""The provisioner: declared resources become real in the account, and what nobody mapped is refused by name."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.events import EventBus
from rehearsal.provision.program import run_program
from rehearsal.provision.provisioner import Provisioned, Provisioner, RoleAction
from rehearsal.provision.resource_types import ProvisionError

Outputs = dict[str, Any]


@pytest.fixture(scope="module")
def repositories(cloud: Cloud) -> Repositories:
    return Repositories(cloud, EventBus(cloud, lambda arn, event: None))


@pytest.fixture
def provisioner(cloud: Cloud, repositories: Repositories) -> Provisioner:
    return Provisioner(cloud, repositories)


@pytest.fixture
def make(provisioner: Provisioner) -> Callable[..., Outputs]:
    """Declare one resource and return its id and outputs. Raises what a whole run of the program would raise."""

    def declare(type_token: str, name: str, /, **inputs: Any) -> Outputs:
        args = MockResourceArgs(typ=type_token, name=name, inputs=inputs, custom=True)

        def program(mocks: Mocks) -> Outputs:
            made_id, outputs = mocks.new_resource(args)
            return {"id": made_id, **outputs}

        return provisioner.provision(program)

    return declare


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Provisioner, str], Outputs]:
    """Run the text of a Pulumi program."""

    def provision(provisioner: Provisioner, text: str) -> Outputs:
        (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (tmp_path / "__main__.py").write_text(text)
        return provisioner.provision(
            lambda mocks: run_program(tmp_path, mocks, project="small", stack="dev", config={})
        )

    return provision


def document(action: str | list[str], resource: str = "*") -> str:
    statement = {"Sid": "S", "Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def granted_actions(cloud: Cloud, role: str) -> list[str]:
    """Return the actions of the role's attached policies, sorted."""
    iam, actions = cloud.client("iam"), []
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        for statement in version["PolicyVersion"]["Document"]["Statement"]:
            listed = statement["Action"]
            actions += listed if isinstance(listed, list) else [listed]
    return sorted(actions)


ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
BUCKET, GROUP = "aws:s3/bucket:Bucket", "aws:cloudwatch/logGroup:LogGroup"
PROJECT, FUNCTION = "aws:codebuild/project:Project", "aws:lambda/function:Function"
PIPELINE = "aws:codepipeline/pipeline:Pipeline"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
RETRIES = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"


# --- what is refused -------------------------------------------------------------------------------------------------


def test_type_that_nobody_mapped_is_refused_by_name(make: Callable[..., Outputs]) -> None:
    with pytest.raises(ProvisionError, match=r"aws:ec2/vpc:Vpc 'net': nothing here makes this type.*resource_types_"):
        make("aws:ec2/vpc:Vpc", "net")


@pytest.mark.parametrize(
    ("type_token", "inputs", "path"),
    [
        (BUCKET, {"bucket": "refused-1", "bucketPrefix": "x"}, "bucketPrefix"),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"bucket": "refusals", "versioningConfiguration": {"status": "Enabled", "statuss": "x"}},
            "versioningConfiguration.statuss",
        ),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            {
                "bucket": "refusals",
                "rules": [{"id": "a", "status": "Enabled"}, {"id": "b", "status": "Enabled", "x": 1}],
            },
            "rules[1].x",
        ),
    ],
    ids=["top level", "nested", "in a list"],
)
def test_property_that_nobody_mapped_is_refused_with_its_path_and_the_file_to_edit(
    cloud: Cloud, make: Callable[..., Outputs], type_token: str, inputs: dict[str, Any], path: str
) -> None:
    cloud.client("s3").create_bucket(Bucket="refusals")
    with pytest.raises(ProvisionError) as refusal:
        make(type_token, "it", **inputs)
    assert f"understands {path}. " in str(refusal.value)
    assert "rehearsal/provision/resource_types_s3.py" in str(refusal.value)


def test_property_for_aws_only_is_accepted_and_given_back(make: Callable[..., Outputs]) -> None:
    assert make(BUCKET, "it", bucket="kept", forceDestroy=True)["forceDestroy"] is True


def test_missing_property_is_named(make: Callable[..., Outputs]) -> None:
    with pytest.raises(ProvisionError, match="property assumeRolePolicy is missing"):
        make(ROLE, "it", name="no-trust")


def test_second_declaration_of_one_name_is_refused(make: Callable[..., Outputs]) -> None:
    make(BUCKET, "twice", bucket="twice-1")
    with pytest.raises(ProvisionError, match="'twice': declared twice"):
        make(BUCKET, "twice", bucket="twice-2")


def test_what_aws_refuses_is_told_with_the_resource(make: Callable[..., Outputs]) -> None:
    make(ROLE, "one", name="same", assumeRolePolicy=trust("x.amazonaws.com"))
    with pytest.raises(ProvisionError, match=rf"^{ROLE} 'two': EntityAlreadyExists: "):
        make(ROLE, "two", name="same", assumeRolePolicy=trust("x.amazonaws.com"))


def test_resource_of_another_region_is_refused(make: Callable[..., Outputs]) -> None:
    with pytest.raises(ProvisionError, match="meant for eu-west-1; only us-east-1"):
        make(BUCKET, "far", bucket="far", region="eu-west-1")


def test_provider_of_another_region_is_refused(make: Callable[..., Outputs]) -> None:
    make("pulumi:providers:aws", "here", region="us-east-1", defaultTags='{"tags":{}}')
    with pytest.raises(ProvisionError, match="meant for eu-west-1"):
        make("pulumi:providers:aws", "there", region="eu-west-1")


def test_invoke_that_nobody_mapped_is_refused_by_name(provisioner: Provisioner) -> None:
    token = "aws:iam/getPolicyDocument:getPolicyDocument"
    with pytest.raises(ProvisionError, match=f"invoke {token} is not mapped"):
        provisioner.provision(lambda mocks: dict(mocks.call(MockCallArgs(token, {}, ""))[0]))


def test_pipeline_that_aws_would_not_accept_is_refused(make: Callable[..., Outputs]) -> None:
    with pytest.raises(ProvisionError, match="InvalidStructureException: .*minimum of 2"):
        make(PIPELINE, "it", name="p", roleArn="arn:aws:iam::1:role/r", artifactStores=[{"type": "S3"}], stages=[])


def test_event_target_that_events_cannot_be_delivered_to_is_refused(make: Callable[..., Outputs]) -> None:
    make(RULE, "rule", name="to-a-topic", eventPattern='{"source":["x"]}')
    with pytest.raises(ProvisionError, match="no delivery to arn:aws:sns"):
        make(
            TARGET,
            "to",
            rule="to-a-topic",
            arn="arn:aws:sns:us-east-1:123456789012:t",
        )


def test_second_artifact_store_is_refused(make: Callable[..., Outputs]) -> None:
    stores = [{"type": "S3", "location": "a"}, {"type": "S3", "location": "b", "region": "eu-west-1"}]
    with pytest.raises(ProvisionError, match="one artifact store"):
        make(PIPELINE, "it", name="p", roleArn="arn:aws:iam::1:role/r", artifactStores=stores, stages=[])


def test_function_that_logs_elsewhere_is_refused(make: Callable[..., Outputs]) -> None:
    with pytest.raises(ProvisionError, match="functions log to /aws/lambda/f here, not to /other"):
        make(FUNCTION, "it", name="f", role="r", loggingConfig={"logGroup": "/other"})


# --- how failures surface --------------------------------------------------------------------------------------------

FAILING = """
import pulumi, pulumi_aws as aws
point = aws.s3.AccessPoint("net", bucket="b")
bucket = aws.s3.Bucket("later", bucket=pulumi.Output.concat(point.arn, "-b"))
pulumi.export("bucket", bucket.bucket.apply(lambda name: name[0]))
"""


def test_first_failure_is_what_a_run_raises_whatever_it_broke_later(
    cloud: Cloud, provisioner: Provisioner, run: Callable[..., Outputs]
) -> None:
    with pytest.raises(ProvisionError, match="aws:s3/accessPoint:AccessPoint 'net'"):
        run(provisioner, FAILING)
    assert provisioner.made == ()


def test_next_run_after_a_failure_is_sound(
    cloud: Cloud, repositories: Repositories, provisioner: Provisioner, run: Callable[..., Outputs]
) -> None:
    with pytest.raises(ProvisionError):
        run(provisioner, FAILING)
    text = 'import pulumi, pulumi_aws as aws\npulumi.export("arn", aws.s3.Bucket("b", bucket="sound").arn)'
    assert run(Provisioner(cloud, repositories), text) == {"arn": "arn:aws:s3:::sound"}


# --- names, values and order -----------------------------------------------------------------------------------------


def test_absent_name_is_made_the_same_in_every_run(make: Callable[..., Outputs]) -> None:
    made = make(GROUP, "Log")
    assert (made["name"], made["id"]) == ("Log-21e49eb", "Log-21e49eb")


def test_outputs_are_the_inputs_and_what_the_provider_computes(cloud: Cloud, make: Callable[..., Outputs]) -> None:
    made = make(ROLE, "it", name="outputs", assumeRolePolicy=trust("x.amazonaws.com"), description="d")
    assert made.pop("uniqueId").startswith("AROA")
    assert made == {
        "id": "outputs",
        "name": "outputs",
        "arn": f"arn:aws:iam::{cloud.account}:role/outputs",
        "assumeRolePolicy": trust("x.amazonaws.com"),
        "description": "d",
    }


def test_invokes_tell_account_region_and_partition(cloud: Cloud, provisioner: Provisioner) -> None:
    def ask(what: str) -> Mapping[str, Any]:
        return provisioner.call(MockCallArgs(f"aws:index/{what}:{what}", {}, ""))[0]

    assert ask("getCallerIdentity")["accountId"] == cloud.account
    assert ask("getRegion")["region"] == cloud.region
    assert (ask("getPartition")["partition"], ask("getPartition")["dnsSuffix"]) == ("aws", "amazonaws.com")


def test_component_and_provider_are_registered_without_a_call(cloud: Cloud, provisioner: Provisioner) -> None:
    before = len(cloud.journal.calls())
    for typ, custom in (("my:index:Component", False), ("pulumi:providers:aws", True)):
        provisioner.new_resource(MockResourceArgs(typ=typ, name="it", inputs={}, custom=custom))
    assert (len(cloud.journal.calls()), provisioner.made) == (before, ())


WHOLE = """
import pulumi, pulumi_aws as aws
role = aws.iam.Role("role", name="whole", assume_role_policy=TRUST)
policy = aws.iam.Policy("policy", name="whole", policy=pulumi.Output.secret(POLICY))
aws.iam.RolePolicyAttachment("attachment", role=role.name, policy_arn=policy.arn)
function = aws.lambda_.Function(
    "function", name="whole", role=role.arn, runtime="python3.13", handler="main.handler", timeout=30,
    environment={"variables": {"KEY": pulumi.Output.secret("hidden")}},
    code=pulumi.AssetArchive({"main.py": pulumi.StringAsset("x"), "ml/a.py": pulumi.FileAsset("__main__.py")}),
)
pulumi.export("arn", function.arn)
pulumi.export("account", aws.get_caller_identity().account_id)
"""


def test_small_program_becomes_resources_in_dependency_order_with_secrets_unwrapped(
    cloud: Cloud, provisioner: Provisioner, run: Callable[..., Outputs]
) -> None:
    text = f"TRUST = {trust('lambda.amazonaws.com')!r}\nPOLICY = {document('s3:GetObject')!r}\n{WHOLE}"
    outputs = run(provisioner, text)
    assert outputs == {
        "arn": f"arn:aws:lambda:us-east-1:{cloud.account}:function:whole",
        "account": cloud.account,
    }
    order = [made.type for made in provisioner.made]
    assert order.index(ROLE) < order.index(FUNCTION)
    assert order[-1] in (ATTACHMENT, FUNCTION)
    assert Provisioned(type=ROLE, name="role", id="whole") in provisioner.made
    told = cloud.client("lambda").get_function(FunctionName="whole")["Configuration"]
    assert (told["Environment"]["Variables"], told["Timeout"]) == ({"KEY": "hidden"}, 30)
    assert granted_actions(cloud, "whole") == ["s3:GetObject"]


# --- experiments: one action less ------------------------------------------------------------------------------------


def _granted(cloud: Cloud, repositories: Repositories, role: str, without: RoleAction) -> list[Any]:
    """Make two roles with the same two policies, one action taken out of `role`; return the actions of each."""
    provisioner = Provisioner(cloud, repositories, without=without)

    def program(mocks: Mocks) -> Outputs:
        def declare(typ: str, name: str, /, **inputs: Any) -> str:
            return str(mocks.new_resource(MockResourceArgs(typ=typ, name=name, inputs=inputs, custom=True))[0])

        policies = [
            declare(POLICY, f"{role}-1", name=f"{role}-1", policy=document(["s3:GetObject", "s3:PutObject"])),
            declare(POLICY, f"{role}-2", name=f"{role}-2", policy=document("s3:PutObject")),
        ]
        for each in (role, f"{role}-other"):
            declare(ROLE, each, name=each, assumeRolePolicy=trust("x.amazonaws.com"))
            for number, policy in enumerate(policies):
                declare(ATTACHMENT, f"{each}-{number}", role=each, policyArn=policy)
        return {}

    provisioner.provision(program)
    return [granted_actions(cloud, each) for each in (role, f"{role}-other")]


def test_action_is_taken_from_every_policy_of_one_role_and_of_no_other(
    cloud: Cloud, repositories: Repositories
) -> None:
    poorer, other = _granted(cloud, repositories, "poorer", RoleAction(role="poorer", action="s3:PutObject"))
    assert (poorer, other) == (["s3:GetObject"], ["s3:GetObject", "s3:PutObject", "s3:PutObject"])


def test_action_that_the_role_has_not_is_refused(cloud: Cloud, repositories: Repositories) -> None:
    with pytest.raises(ProvisionError, match="no policy of unchanged lists s3:ListBucket"):
        _granted(cloud, repositories, "unchanged", RoleAction(role="unchanged", action="s3:ListBucket"))


# --- what each type becomes ------------------------------------------------------------------------------------------


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
