"""A second `up`: what exists is adopted, changed in place or removed, and one that died half-way is completed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.account.cloud import Cloud
from rehearsal.account.inventory import inventory
from rehearsal.provision.maker import Maker
from rehearsal.provision.resource_types import ProvisionError
from rehearsal.provision.state import Resource, State
from tests.rehearsal.stack_account import ROLE, Stacks, document, trust

ROAD = f"""
role = aws.iam.Role("role", name=NAME, assume_role_policy={trust("lambda.amazonaws.com")!r})
policy = aws.iam.Policy("policy", name=NAME, policy=POLICY)
attached = aws.iam.RolePolicyAttachment("attached", role=role.name, policy_arn=policy.arn)
bucket = aws.s3.Bucket("bucket", bucket=NAME, force_destroy=True)
private = aws.s3.BucketPublicAccessBlock("private", bucket=bucket.bucket, block_public_acls=True)
aws.s3.BucketPolicy("closed", bucket=bucket.bucket, policy=POLICY, opts=pulumi.ResourceOptions(depends_on=[private]))
function = aws.lambda_.Function(
    "function", name=NAME, role=role.arn, runtime="python3.13", handler="a.b", environment={{"variables": VARIABLES}},
    code=pulumi.AssetArchive({{"a.py": pulumi.StringAsset(CODE)}}), opts=pulumi.ResourceOptions(depends_on=[attached]),
)
rule = aws.cloudwatch.EventRule("rule", name=NAME, event_pattern='{{"source": ["x"]}}')
aws.cloudwatch.EventTarget("target", rule=rule.name, target_id="t", arn=function.arn)
pulumi.export("arn", function.arn)
"""
RESOURCES = 9


def road(name: str, *, code: str = "x", variables: dict[str, str] | None = None, action: str = "s3:GetObject") -> str:
    """Return the road with this name and these choices."""
    choices = {"NAME": name, "CODE": code, "VARIABLES": variables or {"KEY": "1"}, "POLICY": document(action)}
    return "".join(f"{key} = {value!r}\n" for key, value in choices.items()) + ROAD


# --- adopted ---------------------------------------------------------------------------------------------------------


def test_an_unchanged_program_calls_nothing_and_exports_the_same(stacks: Stacks, cloud: Cloud) -> None:
    stack, outputs = stacks.up(road("unchanged"))
    made, calls = stack.made, len(cloud.journal.calls())
    assert stack.provision(stacks.program(road("unchanged"))) == outputs
    assert (stack.made, len(cloud.journal.calls())) == (made, calls)


@pytest.mark.parametrize("survivors", range(RESOURCES))
def test_an_up_that_died_is_completed_by_the_next_one(
    stacks: Stacks, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    name, stack = f"died-after-{survivors}", stacks.new()
    _die_after(survivors, monkeypatch)
    with pytest.raises(ProvisionError, match="the engine was killed"):
        stack.provision(stacks.program(road(name)))
    assert len(stack.made) == survivors
    monkeypatch.undo()
    assert stack.provision(stacks.program(road(name)))["arn"].endswith(f":function:{name}")
    assert len(stack.made) == RESOURCES
    stack.destroy()
    assert not [line for line in inventory(cloud) if name in line]


@pytest.mark.parametrize("survivors", [0, 4, RESOURCES - 1])
def test_what_an_up_made_before_it_died_can_be_taken_down(
    stacks: Stacks, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    name, stack = f"given-up-after-{survivors}", stacks.new()
    _die_after(survivors, monkeypatch)
    with pytest.raises(ProvisionError, match="the engine was killed"):
        stack.provision(stacks.program(road(name)))
    stack.destroy()
    assert not [line for line in inventory(cloud) if name in line]


def test_what_aws_made_but_the_state_never_heard_of_is_named_and_hinders_nothing_once_it_is_gone(
    stacks: Stacks, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, stack, put = "unheard-of", stacks.new(), State.put

    def deaf(state: State, resource: Resource) -> None:
        if resource.type == ROLE:
            raise ProvisionError("the engine was killed")
        put(state, resource)

    monkeypatch.setattr(State, "put", deaf)
    with pytest.raises(ProvisionError, match="the engine was killed"):
        stack.provision(stacks.program(road(name)))
    monkeypatch.undo()
    with pytest.raises(ProvisionError, match=f"^{ROLE} 'role': EntityAlreadyExists.* {name} "):
        stack.provision(stacks.program(road(name)))
    cloud.client("iam").delete_role(RoleName=name)
    stack.provision(stacks.program(road(name)))
    assert len(stack.made) == RESOURCES
    stack.destroy()
    assert not [line for line in inventory(cloud) if name in line]


def _die_after(survivors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many resources be made and no further one."""
    put, made = Maker.put, iter(range(survivors))

    def mortal(maker: Maker, *arguments: Any) -> Any:
        if next(made, None) is None:
            raise ProvisionError("the engine was killed")
        return put(maker, *arguments)

    monkeypatch.setattr(Maker, "put", mortal)


# --- changed ---------------------------------------------------------------------------------------------------------


def test_a_function_gets_new_code_and_a_new_environment_in_place(stacks: Stacks, cloud: Cloud) -> None:
    stack, _ = stacks.up(road("changed"))
    client = cloud.client("lambda")
    before = client.get_function(FunctionName="changed")["Configuration"]
    stack.provision(stacks.program(road("changed", code="y", variables={"KEY": "2"})))
    after = client.get_function(FunctionName="changed")["Configuration"]
    assert after["Environment"]["Variables"] == {"KEY": "2"}
    assert after["CodeSha256"] != before["CodeSha256"]
    assert after["FunctionArn"] == before["FunctionArn"]


def test_a_policy_keeps_its_name_and_gets_new_versions_without_end(stacks: Stacks, cloud: Cloud) -> None:
    stack, _ = stacks.up(road("versions"))
    actions = [f"s3:{verb}Object" for verb in ("Put", "Get", "Delete", "Restore", "Put", "Get")]
    for action in actions:
        stack.provision(stacks.program(road("versions", action=action)))
    iam, arn = cloud.client("iam"), f"arn:aws:iam::{cloud.account}:policy/versions"
    default = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document_now = iam.get_policy_version(PolicyArn=arn, VersionId=default)["PolicyVersion"]["Document"]
    assert document_now["Statement"][0]["Action"] == "s3:GetObject"
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 5
    stack.destroy()
    assert "policy versions" not in inventory(cloud)


CHANGES: list[tuple[str, str, str, Callable[[Cloud], Any], Any]] = [
    (
        "retention",
        'aws.cloudwatch.LogGroup("it", name="it", retention_in_days=VALUE)',
        "30",
        lambda cloud: cloud.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"],
        30,
    ),
    (
        "queue",
        'aws.sqs.Queue("it", name="it", message_retention_seconds=60 * VALUE)',
        "2",
        lambda cloud: cloud.client("sqs").get_queue_attributes(
            QueueUrl=f"https://sqs.us-east-1.amazonaws.com/{cloud.account}/it",
            AttributeNames=["MessageRetentionPeriod"],
        )["Attributes"]["MessageRetentionPeriod"],
        "120",
    ),
    (
        "alarm",
        'aws.cloudwatch.MetricAlarm("it", name="it", namespace="n", metric_name="m", statistic="Sum", period=60,'
        ' evaluation_periods=1, comparison_operator="GreaterThanThreshold", threshold=VALUE)',
        "9",
        lambda cloud: cloud.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["Threshold"],
        9,
    ),
    (
        "schedule",
        'aws.cloudwatch.EventRule("it", name="it", schedule_expression=f"rate({VALUE} hours)")',
        "6",
        lambda cloud: cloud.client("events").describe_rule(Name="it")["ScheduleExpression"],
        "rate(6 hours)",
    ),
    (
        "key policy",
        'aws.kms.Key("it", policy=json.dumps({"Version": "2012-10-17", "Id": "VALUE", "Statement": [{"Effect": "Allow",'
        ' "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}]}))',
        "8",
        lambda cloud: json.loads(
            cloud.client("kms").get_key_policy(
                KeyId=cloud.client("kms").list_keys()["Keys"][-1]["KeyId"], PolicyName="default"
            )["Policy"]
        )["Id"],
        "8",
    ),
]


@pytest.mark.parametrize(
    ("text", "new", "read", "expected"), [each[1:] for each in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_what_aws_changes_in_place_is_changed_in_place(
    stacks: Stacks, cloud: Cloud, text: str, new: str, read: Callable[[Cloud], Any], expected: Any
) -> None:
    stack, _ = stacks.up(text.replace("VALUE", "1"))
    assert read(cloud) != expected
    [before] = stack.made
    stack.provision(stacks.program(text.replace("VALUE", new)))
    assert (read(cloud), stack.made) == (expected, (before,))
    stack.destroy()


def test_a_change_that_aws_would_replace_for_is_refused(stacks: Stacks) -> None:
    stack, _ = stacks.up('aws.cloudwatch.LogGroup("it", name="old")')
    with pytest.raises(ProvisionError, match="LogGroup 'it': name changed, and nothing here changes that in place"):
        stack.provision(stacks.program('aws.cloudwatch.LogGroup("it", name="new")'))
    assert [made.id for made in stack.made] == ["old"]
    stack.destroy()


def test_a_changed_property_that_nobody_mapped_is_refused(stacks: Stacks) -> None:
    text = road("unmapped").replace('{"variables": VARIABLES}', '{"variables": VARIABLES, "colour": COLOUR}')
    stack, _ = stacks.up(road("unmapped"))
    with pytest.raises(ProvisionError, match="nothing here understands environment.colour"):
        stack.provision(stacks.program(f"COLOUR = 'red'\n{text}"))
    stack.destroy()


def test_only_the_options_change_without_a_call(stacks: Stacks, cloud: Cloud) -> None:
    text = 'aws.s3.Bucket("b", bucket="opts", force_destroy=VALUE, opts=pulumi.ResourceOptions(protect=not VALUE))'
    stack, _ = stacks.up(text.replace("VALUE", "False"))
    calls = len(cloud.journal.calls())
    stack.provision(stacks.program(text.replace("VALUE", "True")))
    assert len(cloud.journal.calls()) == calls
    cloud.client("s3").put_object(Bucket="opts", Key="k", Body=b"x")
    stack.destroy()
    assert "bucket opts" not in inventory(cloud)


# --- removed ---------------------------------------------------------------------------------------------------------


def test_what_the_program_no_longer_declares_is_removed(stacks: Stacks, cloud: Cloud) -> None:
    both = 'aws.cloudwatch.LogGroup("a", name="stays")\naws.cloudwatch.LogGroup("b", name="leaves")'
    stack, _ = stacks.up(both)
    stack.provision(stacks.program(both.splitlines()[0]))
    assert ("log group stays" in inventory(cloud), "log group leaves" in inventory(cloud)) == (True, False)
    stack.destroy()


def test_nothing_is_removed_by_a_program_that_failed(stacks: Stacks, cloud: Cloud) -> None:
    stack, _ = stacks.up('aws.cloudwatch.LogGroup("a", name="unharmed")')
    with pytest.raises(ProvisionError):
        stack.provision(stacks.program('aws.s3.AccessPoint("net", bucket="b")'))
    assert "log group unharmed" in inventory(cloud)
    stack.destroy()


def test_two_stacks_of_one_program_know_nothing_of_each_other(stacks: Stacks, cloud: Cloud) -> None:
    text = 'aws.cloudwatch.LogGroup("log", name=f"log-{pulumi.get_stack()}")'
    one, other = stacks.new(), stacks.new()
    one.provision(stacks.program(text, stack="one"))
    other.provision(stacks.program(text, stack="other"))
    one.destroy()
    assert ("log group log-other" in inventory(cloud), "log group log-one" in inventory(cloud)) == (True, False)
    other.destroy()
