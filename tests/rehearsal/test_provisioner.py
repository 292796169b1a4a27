"""The provisioner: declared resources become real in the account, and what nobody mapped is refused by name."""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi.runtime.mocks import MockResourceArgs

from rehearsal.account.cloud import Cloud
from rehearsal.provision.monitor import Monitor
from rehearsal.provision.provisioner import Provisioned, RoleAction
from rehearsal.provision.resource_types import ProvisionError
from tests.rehearsal.stack_account import (
    ATTACHMENT,
    BUCKET,
    FUNCTION,
    GROUP,
    PIPELINE,
    POLICY,
    ROLE,
    RULE,
    TARGET,
    Outputs,
    Stacks,
    document,
    trust,
)


@pytest.fixture(scope="module")
def make(stacks: Stacks) -> Callable[..., Outputs]:
    return stacks.make


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


def test_second_declaration_of_one_name_is_refused(stacks: Stacks) -> None:
    text = 'for bucket in ("twice-1", "twice-2"):\n    aws.s3.Bucket("twice", bucket=bucket)'
    with pytest.raises(ProvisionError, match="'twice': declared twice"):
        stacks.up(text)


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


def test_invoke_that_nobody_mapped_is_refused_by_name(stacks: Stacks) -> None:
    with pytest.raises(ProvisionError, match="invoke aws:iam/getPolicyDocument:getPolicyDocument is not mapped"):
        stacks.up("aws.iam.get_policy_document(statements=[])")


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
point = aws.s3.AccessPoint("net", bucket="b")
bucket = aws.s3.Bucket("later", bucket=pulumi.Output.concat(point.arn, "-b"))
pulumi.export("bucket", bucket.bucket.apply(lambda name: name[0]))
"""


def test_first_failure_is_what_a_run_raises_whatever_it_broke_later(stacks: Stacks) -> None:
    stack = stacks.new()
    with pytest.raises(ProvisionError, match="aws:s3/accessPoint:AccessPoint 'net'"):
        stack.provision(stacks.program(FAILING))
    assert stack.made == ()


def test_next_run_after_a_failure_is_sound(stacks: Stacks) -> None:
    with pytest.raises(ProvisionError):
        stacks.up(FAILING)
    assert stacks.up('pulumi.export("arn", aws.s3.Bucket("b", bucket="sound").arn)')[1] == {"arn": "arn:aws:s3:::sound"}


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


def test_invokes_tell_account_region_and_partition(cloud: Cloud, stacks: Stacks) -> None:
    told = stacks.up(
        'pulumi.export("account", aws.get_caller_identity().account_id)\n'
        'pulumi.export("region", aws.get_region().region)\n'
        'pulumi.export("partition", [aws.get_partition().partition, aws.get_partition().dns_suffix])\n'
    )[1]
    assert told == {"account": cloud.account, "region": cloud.region, "partition": ["aws", "amazonaws.com"]}


def test_component_and_provider_are_registered_without_a_call(cloud: Cloud, stacks: Stacks) -> None:
    before = len(cloud.journal.calls())
    stack, _ = stacks.up('pulumi.ComponentResource("my:index:Component", "it")\naws.Provider("it")')
    assert (len(cloud.journal.calls()), stack.made) == (before, ())


WHOLE = """
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
    cloud: Cloud, stacks: Stacks
) -> None:
    text = f"TRUST = {trust('lambda.amazonaws.com')!r}\nPOLICY = {document('s3:GetObject')!r}\n{WHOLE}"
    provisioner, outputs = stacks.up(text)
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


def _granted(stacks: Stacks, role: str, without: RoleAction) -> list[Any]:
    """Make two roles with the same two policies, one action taken out of `role`; return the actions of each."""

    def program(monitor: Monitor) -> Outputs:
        def declare(typ: str, name: str, /, **inputs: Any) -> str:
            args = MockResourceArgs(typ=typ, name=name, inputs=inputs, custom=True)
            return str(monitor.mocks.new_resource(args)[0])

        policies = [
            declare(POLICY, f"{role}-1", name=f"{role}-1", policy=document(["s3:GetObject", "s3:PutObject"])),
            declare(POLICY, f"{role}-2", name=f"{role}-2", policy=document("s3:PutObject")),
        ]
        for each in (role, f"{role}-other"):
            declare(ROLE, each, name=each, assumeRolePolicy=trust("x.amazonaws.com"))
            for number, policy in enumerate(policies):
                declare(ATTACHMENT, f"{each}-{number}", role=each, policyArn=policy)
        return {}

    stacks.new(without=without).provision(program)
    return [granted_actions(stacks.cloud, each) for each in (role, f"{role}-other")]


def test_action_is_taken_from_every_policy_of_one_role_and_of_no_other(stacks: Stacks) -> None:
    poorer, other = _granted(stacks, "poorer", RoleAction(role="poorer", action="s3:PutObject"))
    assert (poorer, other) == (["s3:GetObject"], ["s3:GetObject", "s3:PutObject", "s3:PutObject"])


def test_action_that_the_role_has_not_is_refused(stacks: Stacks) -> None:
    with pytest.raises(ProvisionError, match="no policy of unchanged lists s3:ListBucket"):
        _granted(stacks, "unchanged", RoleAction(role="unchanged", action="s3:ListBucket"))
