"""Taking a stack down: the engine's order, what is protected, and how often it may be repeated."""

import json
from collections.abc import Callable

import pytest

from rehearsal.account.cloud import Cloud
from rehearsal.account.inventory import inventory
from rehearsal.provision.maker import Maker
from rehearsal.provision.provisioner import Provisioner
from rehearsal.provision.resource_types import ProvisionError
from tests.rehearsal.stack_account import Stacks, document, trust

ROAD = f"""
role = aws.iam.Role("role", name="road", assume_role_policy={trust("lambda.amazonaws.com")!r})
policy = aws.iam.Policy("policy", name="road", policy={document("s3:GetObject")!r})
attached = aws.iam.RolePolicyAttachment("attached", role=role.name, policy_arn=policy.arn)
group = aws.cloudwatch.LogGroup("group", name="/aws/lambda/road")
function = aws.lambda_.Function(
    "function", name="road", role=role.arn, runtime="python3.13", handler="a.b",
    code=pulumi.AssetArchive({{"a.py": pulumi.StringAsset("x")}}),
    logging_config={{"log_format": "Text", "log_group": group.name}},
    opts=pulumi.ResourceOptions(depends_on=[attached]),
)
rule = aws.cloudwatch.EventRule("rule", name="road", event_pattern='{{"source": ["x"]}}')
allowed = aws.lambda_.Permission(
    "allowed", statement_id="s", action="lambda:InvokeFunction", function=function.name, source_arn=rule.arn,
    principal="events.amazonaws.com",
)
aws.cloudwatch.EventTarget(
    "target", rule=rule.name, target_id="t", arn=function.arn, opts=pulumi.ResourceOptions(depends_on=[allowed])
)
key = aws.kms.Key("key", deletion_window_in_days=7)
bucket = aws.s3.Bucket("bucket", bucket="road", force_destroy=True)
aws.s3.BucketPolicy("bucket-policy", bucket=bucket.bucket, policy={document("s3:GetObject")!r})
"""


@pytest.fixture(autouse=True)
def emptied(cloud: Cloud) -> None:
    """Every test begins and ends with an empty account."""
    assert inventory(cloud) == frozenset()


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the resources in the order in which they are removed."""
    names: list[str] = []
    remove = Maker.remove

    def remembering(maker: Maker, resource: object, *arguments: object, **more: object) -> None:
        remove(maker, resource, *arguments, **more)  # type: ignore[arg-type]
        names.append(resource.name)  # type: ignore[attr-defined]

    monkeypatch.setattr(Maker, "remove", remembering)
    return names


@pytest.fixture
def up(stacks: Stacks) -> Callable[[str], Provisioner]:
    return lambda text: stacks.up(text)[0]


# --- order -----------------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_a_stack_that_was_taken_down(up: Callable[[str], Provisioner], cloud: Cloud) -> None:
    stack = up(ROAD)
    assert "function road" in inventory(cloud)
    stack.destroy()
    assert inventory(cloud) == frozenset()
    assert (stack.made, len(stack.state)) == ((), 0)


def test_what_was_given_as_an_input_goes_after_what_it_was_given_to(
    up: Callable[[str], Provisioner], removed: list[str]
) -> None:
    up(ROAD).destroy()
    for later, earlier in [
        ("role", "function"),
        ("role", "attached"),
        ("policy", "attached"),
        ("group", "function"),
        ("rule", "target"),
        ("bucket", "bucket-policy"),
    ]:
        assert removed.index(earlier) < removed.index(later)


def test_what_somebody_depends_on_goes_later_though_no_input_says_so(
    up: Callable[[str], Provisioner], removed: list[str]
) -> None:
    up(
        'first = aws.cloudwatch.LogGroup("a", name="a")\n'
        'aws.cloudwatch.LogGroup("z", name="z", opts=pulumi.ResourceOptions(depends_on=[first]))\n'
        'aws.cloudwatch.LogGroup("b", name="b", opts=pulumi.ResourceOptions(depends_on=[first]))\n'
    ).destroy()
    assert removed == ["b", "z", "a"]


def test_a_component_that_depends_on_something_goes_first_with_all_its_children(
    up: Callable[[str], Provisioner], removed: list[str]
) -> None:
    up(
        "def component(name, *after):\n"
        '    made = pulumi.ComponentResource("x:y:Part", name, opts=pulumi.ResourceOptions(depends_on=list(after)))\n'
        '    aws.cloudwatch.LogGroup(f"{name}-log", name=name, opts=pulumi.ResourceOptions(parent=made))\n'
        "    return made\n"
        'component("a", component("b", component("c")))\n'
    ).destroy()
    assert [name for name in removed if name.endswith("-log")] == ["a-log", "b-log", "c-log"]


def test_a_provider_outlives_its_resources(up: Callable[[str], Provisioner], removed: list[str]) -> None:
    up(
        'here = aws.Provider("a-provider", region="us-east-1")\n'
        'aws.cloudwatch.LogGroup("z", name="z", opts=pulumi.ResourceOptions(provider=here))\n'
    ).destroy()
    assert removed == ["z", "a-provider"]


# --- what stays ------------------------------------------------------------------------------------------------------

GUARDED = """
key = aws.kms.Key("key")
part = pulumi.ComponentResource("x:y:Part", "part")
bucket = aws.s3.Bucket("bucket", bucket="kept", tags={"key": key.arn}, force_destroy=True,
    opts=pulumi.ResourceOptions(parent=part, protect=PROTECT))
aws.s3.BucketVersioning("versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"})
aws.cloudwatch.LogGroup("group", name="gone")
"""


def test_a_protected_resource_refuses_with_the_engines_words_and_nothing_goes(
    up: Callable[[str], Provisioner], stacks: Stacks, cloud: Cloud
) -> None:
    stack = up(GUARDED.replace("PROTECT", "True"))
    before = inventory(cloud)
    with pytest.raises(ProvisionError) as refusal:
        stack.destroy()
    assert "cannot be deleted because it is protected: " in str(refusal.value)
    assert "urn:pulumi:dev::small::x:y:Part$aws:s3/bucket:Bucket::bucket." in str(refusal.value)
    assert inventory(cloud) == before
    stack.provision(stacks.program(GUARDED.replace("PROTECT", "False")))
    stack.destroy()
    assert inventory(cloud) == frozenset()


def test_without_the_protected_everything_goes_but_them_and_what_they_need(
    up: Callable[[str], Provisioner], stacks: Stacks, cloud: Cloud
) -> None:
    stack = up(GUARDED.replace("PROTECT", "True"))
    stack.destroy(exclude_protected=True)
    assert {line.split()[0] for line in inventory(cloud)} == {"bucket", "key"}
    assert cloud.client("s3").get_bucket_versioning(Bucket="kept")["Status"] == "Suspended"
    assert {each.name for each in stack.state} == {"key", "part", "bucket"}
    stack.provision(stacks.program(GUARDED.replace("PROTECT", "False")))
    stack.destroy()


def test_a_retained_resource_is_forgotten_and_lives_on(up: Callable[[str], Provisioner], cloud: Cloud) -> None:
    stack = up(
        'part = pulumi.ComponentResource("x:y:Part", "part", opts=pulumi.ResourceOptions(retain_on_delete=True))\n'
        'aws.cloudwatch.LogGroup("kept", name="kept", opts=pulumi.ResourceOptions(parent=part))\n'
        'aws.cloudwatch.LogGroup("gone", name="gone")\n'
    )
    stack.destroy()
    assert (inventory(cloud), len(stack.state)) == ({"log group kept"}, 0)
    cloud.client("logs").delete_log_group(logGroupName="kept")


# --- buckets and registry --------------------------------------------------------------------------------------------

BUCKET = """
bucket = aws.s3.Bucket("bucket", bucket="full", force_destroy=FORCE)
aws.s3.BucketVersioning("versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"})
"""


def _fill(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    for body in (b"old", b"new"):
        s3.put_object(Bucket="full", Key="a/b", Body=body)
    s3.delete_object(Bucket="full", Key="a/b")


def test_a_bucket_goes_with_every_version_and_marker_where_that_was_declared(
    up: Callable[[str], Provisioner], cloud: Cloud
) -> None:
    stack = up(BUCKET.replace("FORCE", "True"))
    _fill(cloud)
    stack.destroy()
    assert inventory(cloud) == frozenset()


def test_a_full_bucket_refuses_and_goes_once_it_was_emptied(
    up: Callable[[str], Provisioner], stacks: Stacks, cloud: Cloud
) -> None:
    stack = up(BUCKET.replace("FORCE", "False"))
    _fill(cloud)
    with pytest.raises(ProvisionError, match=r"Bucket 'bucket' cannot be deleted: BucketNotEmpty"):
        stack.destroy()
    assert [each.name for each in stack.state] == ["bucket"]
    stack.provision(stacks.program(BUCKET.replace("FORCE", "True")))
    stack.destroy()
    assert inventory(cloud) == frozenset()


def test_a_group_with_versions_refuses_and_goes_once_they_are_gone(
    up: Callable[[str], Provisioner], cloud: Cloud
) -> None:
    stack = up('aws.sagemaker.ModelPackageGroup("group", model_package_group_name="Churn")')
    sagemaker = cloud.client("sagemaker")
    arn = sagemaker.create_model_package(ModelPackageGroupName="Churn")["ModelPackageArn"]
    with pytest.raises(ProvisionError, match=r"ModelPackageGroup 'group' cannot be deleted: .* has 1 versions"):
        stack.destroy()
    sagemaker.delete_model_package(ModelPackageName=arn)
    stack.destroy()
    assert inventory(cloud) == frozenset()


def test_a_key_waits_for_as_long_as_was_declared(up: Callable[[str], Provisioner], cloud: Cloud) -> None:
    stack = up(ROAD)
    [key] = [each.id for each in stack.made if each.name == "key"]
    stack.destroy()
    told = cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert (told["KeyState"], (told["DeletionDate"] - told["CreationDate"]).days) == ("PendingDeletion", 7)


# --- again -----------------------------------------------------------------------------------------------------------


def test_a_second_destroy_has_nothing_to_do(up: Callable[[str], Provisioner], cloud: Cloud) -> None:
    stack = up(ROAD)
    stack.destroy()
    calls = len(cloud.journal.calls())
    stack.destroy()
    assert len(cloud.journal.calls()) == calls


def test_what_was_removed_by_hand_is_as_good_as_removed(up: Callable[[str], Provisioner], cloud: Cloud) -> None:
    stack = up(ROAD)
    before = list(stack.state)
    stack.destroy()
    for resource in before:
        stack.state.put(resource)
    stack.destroy()
    assert (inventory(cloud), len(stack.state)) == (frozenset(), 0)


# --- what a program registers through a provider of its own ----------------------------------------------------------

DYNAMIC = """
import sys
sys.path.insert(0, FOLDER)
from written_here import Note
Note("note", {"text": "hello"})
"""
MODULE = """
from pulumi import dynamic

class Writer(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("the-note", dict(props))
    def delete(self, id, props):
        import boto3
        if boto3.client("sts").get_caller_identity()["Account"] != "123456789012":
            raise ValueError("in nobody's account")
        if props["text"] == "stubborn":
            raise ValueError("it will not go")
        boto3.client("logs").create_log_group(logGroupName=f"deleted-{id}-{props['text']}")

class Note(dynamic.Resource, module="small", name="Note"):
    def __init__(self, name, props):
        super().__init__(Writer(), name, props)
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_dynamic_provider_deletes_in_a_process_of_its_own_as_the_operator(
    up: Callable[[str], Provisioner], stacks: Stacks, cloud: Cloud
) -> None:
    (stacks.folder / "written_here.py").write_text(MODULE)
    stack = up(DYNAMIC.replace("FOLDER", json.dumps(str(stacks.folder))))
    assert [each.id for each in stack.made] == ["the-note"]
    stack.destroy()
    assert inventory(cloud) == {"log group deleted-the-note-hello"}
    cloud.client("logs").delete_log_group(logGroupName="deleted-the-note-hello")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_dynamic_provider_that_fails_says_why_and_its_resource_stays(
    up: Callable[[str], Provisioner], stacks: Stacks
) -> None:
    (stacks.folder / "written_here.py").write_text(MODULE)
    stack = up(DYNAMIC.replace("FOLDER", json.dumps(str(stacks.folder))).replace("hello", "stubborn"))
    with pytest.raises(ProvisionError, match="Note 'note' cannot be deleted: ValueError: it will not go"):
        stack.destroy()
    assert [each.name for each in stack.state] == ["note"]
