"""Write a recorded program as the plan that Terraform would show, because that is what the scanners read.

The two providers are one: pulumi-aws is generated from Terraform's. Types are renamed by a table, properties from camel
case to snake case, and nested objects become the lists of blocks that a plan holds. Whatever the tables do not know is
refused: a scanner passes over a property under the wrong name without a word.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

ASSET_MARK = "4dabf18193072939515e22adb298388d"
"""Key that marks an asset, an archive or a secret in Pulumi's wire format."""

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "aws:cloudtrail/trail:Trail": "aws_cloudtrail",
        "aws:cloudwatch/dashboard:Dashboard": "aws_cloudwatch_dashboard",
        "aws:cloudwatch/eventRule:EventRule": "aws_cloudwatch_event_rule",
        "aws:cloudwatch/eventTarget:EventTarget": "aws_cloudwatch_event_target",
        "aws:cloudwatch/logGroup:LogGroup": "aws_cloudwatch_log_group",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter": "aws_cloudwatch_log_metric_filter",
        "aws:cloudwatch/metricAlarm:MetricAlarm": "aws_cloudwatch_metric_alarm",
        "aws:codebuild/project:Project": "aws_codebuild_project",
        "aws:codecommit/approvalRuleTemplate:ApprovalRuleTemplate": "aws_codecommit_approval_rule_template",
        "aws:codecommit/approvalRuleTemplateAssociation:ApprovalRuleTemplateAssociation": (
            "aws_codecommit_approval_rule_template_association"
        ),
        "aws:codecommit/repository:Repository": "aws_codecommit_repository",
        "aws:codepipeline/pipeline:Pipeline": "aws_codepipeline",
        "aws:iam/policy:Policy": "aws_iam_policy",
        "aws:iam/role:Role": "aws_iam_role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "aws_iam_role_policy_attachment",
        "aws:kms/alias:Alias": "aws_kms_alias",
        "aws:kms/key:Key": "aws_kms_key",
        "aws:lambda/function:Function": "aws_lambda_function",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "aws_lambda_function_event_invoke_config",
        "aws:lambda/permission:Permission": "aws_lambda_permission",
        "aws:s3/bucket:Bucket": "aws_s3_bucket",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "aws_s3_bucket_lifecycle_configuration",
        "aws:s3/bucketLogging:BucketLogging": "aws_s3_bucket_logging",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "aws_s3_bucket_ownership_controls",
        "aws:s3/bucketPolicy:BucketPolicy": "aws_s3_bucket_policy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "aws_s3_bucket_public_access_block",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
            "aws_s3_bucket_server_side_encryption_configuration"
        ),
        "aws:s3/bucketVersioning:BucketVersioning": "aws_s3_bucket_versioning",
        "aws:sagemaker/endpoint:Endpoint": "aws_sagemaker_endpoint",
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration": "aws_sagemaker_endpoint_configuration",
        "aws:sagemaker/model:Model": "aws_sagemaker_model",
        "aws:sagemaker/modelPackageGroup:ModelPackageGroup": "aws_sagemaker_model_package_group",
        "aws:sns/topic:Topic": "aws_sns_topic",
        "aws:sns/topicPolicy:TopicPolicy": "aws_sns_topic_policy",
        "aws:sns/topicSubscription:TopicSubscription": "aws_sns_topic_subscription",
        "aws:sqs/queue:Queue": "aws_sqs_queue",
        "aws:sqs/queuePolicy:QueuePolicy": "aws_sqs_queue_policy",
    }
)
"""Pulumi's type -> Terraform's."""

MAPS = frozenset({"tags", "configuration", "dimensions"})
"""Properties that hold a map of somebody's own keys. So do a function's `variables`, told by their shape."""

BLOCKS: Mapping[str, str] = MappingProxyType(
    {
        "actions": "action",
        "artifactStores": "artifact_store",
        "containers": "container",
        "environmentVariables": "environment_variable",
        "fieldSelectors": "field_selector",
        "advancedEventSelectors": "advanced_event_selector",
        "productionVariants": "production_variants",
        "pushes": "push",
        "rules": "rule",
        "stages": "stage",
        "triggers": "trigger",
        "variables": "variable",
    }
)
"""Lists of objects: Pulumi's plural -> the name of one block."""

SINGLE_BLOCKS = frozenset(
    {
        "abortIncompleteMultipartUpload",
        "applyServerSideEncryptionByDefault",
        "artifacts",
        "branches",
        "cloudwatchLogs",
        "deadLetterConfig",
        "encryptionKey",
        "environment",
        "expiration",
        "filter",
        "gitConfiguration",
        "loggingConfig",
        "logsConfig",
        "metricTransformation",
        "noncurrentVersionExpiration",
        "primaryContainer",
        "retryPolicy",
        "rule",
        "serverlessConfig",
        "source",
        "tracingConfig",
        "versioningConfiguration",
    }
)
"""Objects: one block under the same name."""


class PlanError(Exception):
    """The program holds something that the tables above do not know how to write."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One resource for the plan. `references` maps a property to the `key` of each resource that it was taken from."""

    key: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Terraform's address, as the scanners report it. Raises PlanError for a type that TYPES does not hold."""
        try:
            return f"{TYPES[self.type]}.{self.name}"
        except KeyError:
            raise PlanError(f"{self.type} ({self.name}) is not in TYPES of tests/scan/plan.py. Add it there.") from None


def plan(resources: Iterable[Planned]) -> dict[str, Any]:
    """Return the plan, in the form of `terraform show -json`. Raises PlanError for what the tables do not know."""
    known = {one.key: one for one in resources}
    values = {one.address: _block(one.inputs, one.address) for one in known.values()}
    if len(values) != len(known):
        raise PlanError("two resources of one type have the same logical name")
    heads = {one.address: _head(one) for one in known.values()}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {
            "root_module": {"resources": [{**head, "values": values[address]} for address, head in heads.items()]}
        },
        "resource_changes": [
            {
                **head,
                "change": {"actions": ["create"], "before": None, "after": values[address], "after_unknown": {}},
            }
            for address, head in heads.items()
        ],
        "configuration": {
            "root_module": {
                "resources": [{**heads[one.address], "expressions": _references(one, known)} for one in known.values()]
            }
        },
    }


def _head(one: Planned) -> dict[str, Any]:
    provider = "registry.terraform.io/hashicorp/aws"
    return {
        "address": one.address,
        "mode": "managed",
        "type": TYPES[one.type],
        "name": one.name,
        "provider_name": provider,
        "schema_version": 0,
    }


def _references(one: Planned, known: Mapping[str, Planned]) -> dict[str, Any]:
    expressions = {}
    for name, keys in one.references.items():
        addresses = [known[key].address for key in keys if key in known]
        if addresses:
            references = [text for address in addresses for text in (f"{address}.id", address)]
            expressions[_snake(name)] = {"references": references}
    return expressions


def _block(properties: Mapping[str, Any], where: str) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, Mapping) and ASSET_MARK in value:
            block["filename"] = f"{name}.zip"
        elif name in MAPS or (name == "variables" and isinstance(value, Mapping)):
            block[_snake(name)] = value
        elif isinstance(value, Mapping):
            block[_snake(name)] = [_single(name, value, where)]
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            block[_repeated(name, where)] = [_block(item, f"{where}.{name}") for item in value]
        else:
            block[_snake(name)] = value
    return block


def _single(name: str, value: Mapping[str, Any], where: str) -> dict[str, Any]:
    if name not in SINGLE_BLOCKS:
        raise PlanError(f"{where}.{name} is an object. Add {name!r} to SINGLE_BLOCKS or MAPS of tests/scan/plan.py.")
    return _block(value, f"{where}.{name}")


def _repeated(name: str, where: str) -> str:
    if name not in BLOCKS:
        raise PlanError(f"{where}.{name} is a list of objects. Add {name!r} to BLOCKS of tests/scan/plan.py.")
    return BLOCKS[name]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
