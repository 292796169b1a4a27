"""The plan: Pulumi's words become Terraform's, and what no table knows is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import ACCOUNT, REGION, Recorded
from tests.scan.graph import RecordingSageMaker, as_planned, deployed, documents, planned
from tests.scan.plan import ASSET_MARK, PlanError, Planned, plan

Record = Callable[..., Recorded]


def values(kind: str, **inputs: Any) -> dict[str, Any]:
    [written] = plan([Planned(key="k", type=kind, name="x", inputs=inputs)])["planned_values"]["root_module"][
        "resources"
    ]
    found: dict[str, Any] = written["values"]
    return found


def test_properties_are_in_snake_case() -> None:
    assert values("aws:kms/key:Key", enableKeyRotation=True, deletionWindowInDays=30) == {
        "enable_key_rotation": True,
        "deletion_window_in_days": 30,
    }


def test_an_object_is_a_list_of_one_block_and_a_list_of_objects_has_its_blocks_name() -> None:
    written = values(
        "aws:codebuild/project:Project",
        environment={"computeType": "SMALL", "environmentVariables": [{"name": "A", "value": "b"}]},
    )
    variables = [{"name": "A", "value": "b"}]
    assert written == {"environment": [{"compute_type": "SMALL", "environment_variable": variables}]}


def test_a_map_of_somebodys_own_keys_stays_as_it_is() -> None:
    written = values(
        "aws:lambda/function:Function",
        environment={"variables": {"modelBucket": "b"}},
        tags={"costCenter": "1"},
    )
    assert written == {"environment": [{"variables": {"modelBucket": "b"}}], "tags": {"costCenter": "1"}}


def test_a_trigger_of_a_connection_is_blocks_within_blocks() -> None:
    push = {"branches": {"includes": ["main"]}}
    trigger = {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"pushes": [push]}}
    written = values("aws:codepipeline/pipeline:Pipeline", triggers=[trigger])
    git = {"push": [{"branches": [{"includes": ["main"]}]}]}
    assert written == {"trigger": [{"provider_type": "CodeStarSourceConnection", "git_configuration": [git]}]}


def test_code_is_a_file() -> None:
    assert values("aws:lambda/function:Function", code={ASSET_MARK: "x", "assets": {}}) == {"filename": "code.zip"}


def test_a_list_of_texts_keeps_its_name() -> None:
    assert values("aws:lambda/function:Function", architectures=["arm64"]) == {"architectures": ["arm64"]}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"widgets": [{"a": 1}]}, "is a list of objects. Add 'widgets' to BLOCKS"),
        ({"widget": {"a": 1}}, "is an object. Add 'widget' to SINGLE_BLOCKS or MAPS"),
        ({"environment": {"widget": {"a": 1}}}, r"x\.environment\.widget is an object"),
    ],
)
def test_a_property_that_no_table_knows_is_refused(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        values("aws:lambda/function:Function", **inputs)


def test_a_type_that_no_table_knows_is_refused() -> None:
    with pytest.raises(PlanError, match="aws:ec2/instance:Instance"):
        values("aws:ec2/instance:Instance")


def test_two_resources_under_one_address_are_refused() -> None:
    twins = [Planned(key=key, type="aws:kms/key:Key", name="x", inputs={}) for key in "ab"]
    with pytest.raises(PlanError, match="same logical name"):
        plan(twins)


def test_what_was_taken_from_a_resource_refers_to_it() -> None:
    bucket = Planned(key="b", type="aws:s3/bucket:Bucket", name="models", inputs={"bucket": "m"})
    versions = Planned(
        key="v",
        type="aws:s3/bucketVersioning:BucketVersioning",
        name="models",
        inputs={"bucket": "m"},
        references={"bucket": ("b", "gone")},
    )
    written = plan([bucket, versions])["configuration"]["root_module"]["resources"]
    assert written[0]["expressions"] == {}
    assert written[1]["expressions"] == {
        "bucket": {"references": ["aws_s3_bucket.models.id", "aws_s3_bucket.models"]},
    }


def test_a_name_within_an_arn_refers_to_what_the_resource_waits_for(recorded: Record) -> None:
    run = recorded("prod")
    [trail] = [one for one in planned(run) if one.type.endswith(":Trail")]
    group = run.one("LogGroup", "audit").urn
    assert trail.references["cloudWatchLogsGroupArn"] == (group,)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_whole_program_can_be_written(stack: str, recorded: Record) -> None:
    run = recorded(stack)
    written = plan([*planned(run), *deployed(run)])
    changes = written["resource_changes"]
    custom = [one for one in run.resources if one.custom and one.type.startswith("aws:")]
    assert len(changes) == len(custom) + 3
    assert {one["change"]["actions"][0] for one in changes} == {"create"}


def test_the_deploy_step_is_scanned_by_its_own_requests(recorded: Record) -> None:
    model, config, endpoint = deployed(recorded("dev"))
    assert model.type == "aws:sagemaker/model:Model"
    assert model.inputs["enableNetworkIsolation"] is True
    assert model.inputs["executionRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/SageMaker-MLE-004-Role"
    [variant] = config.inputs["productionVariants"]
    assert variant["modelName"] == model.inputs["name"]
    assert variant["instanceType"] == "ml.m5.large"
    assert endpoint.inputs["endpointConfigName"] == config.inputs["name"]
    assert endpoint.inputs["tags"]["stack"] == "dev"


def test_the_serverless_endpoint_is_scanned_as_such(recorded: Record) -> None:
    model, config, _ = deployed(recorded("dev", {"endpoint": {"kind": "serverless"}}))
    assert model.inputs["enableNetworkIsolation"] is False
    [variant] = config.inputs["productionVariants"]
    assert set(variant) == {"variantName", "modelName", "serverlessConfig"}
    assert set(variant["serverlessConfig"]) == {"memorySizeInMB", "maxConcurrency"}


def test_a_call_that_nobody_knows_how_to_scan_is_refused() -> None:
    with pytest.raises(AttributeError, match="the deploy step calls create_inference_component"):
        RecordingSageMaker().create_inference_component()


def test_a_request_keeps_the_users_tags_as_a_map() -> None:
    request = {"EndpointName": "e", "EndpointConfigName": "c", "Tags": [{"Key": "costCenter", "Value": "1"}]}
    made = as_planned("create_endpoint", request)
    assert made.inputs == {"name": "e", "endpointConfigName": "c", "tags": {"costCenter": "1"}}


def test_a_trust_policy_is_linted_with_its_role_as_the_resource(recorded: Record) -> None:
    [trust] = [one for one in documents(recorded("dev")) if one.trust and "train" in one.holder.name]
    statements = json.loads(trust.text)["Statement"]
    assert {one["Resource"] for one in statements} == {f"arn:aws:iam::{ACCOUNT}:role/CodeBuildTrainRole"}
    assert REGION in trust.text
