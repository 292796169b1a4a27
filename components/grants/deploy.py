"""What the deploy build may do: with the registry nothing but read, with this stack's one endpoint what it must.

Models, configurations and the endpoint are named after the stack, so that no other stack's are within reach.
"""

from components.arns import Arns
from components.grants.common import WRITE_LOG
from components.iam import Condition, Statement, allow, deny
from components.settings import Settings
from components.settings.choices import EndpointSettings
from ml import contract

SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
ONLY_ENDPOINTS: Condition = {
    "StringEquals": {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
}


def deploy_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Return the statements that the kind of endpoint and its way of scaling need."""
    endpoint = settings.endpoint
    statements = [*_reading(arns), *_making(arns, endpoint), *_managing(arns)]
    if endpoint.kind == contract.REALTIME:
        statements += _watching(arns, endpoint) + _ending_scaling(arns)
    if endpoint.scales:
        statements += _scaling(arns)
    return [*statements, deny("NeverDecideAboutVersions", ["sagemaker:UpdateModelPackage"], "*")]


def _reading(arns: Arns) -> list[Statement]:
    return [
        allow("WriteBuildLog", WRITE_LOG, arns.log_streams(arns.names.deploy_log_group)),
        allow("ReadArtifacts", ["s3:GetObject"], [arns.source_artifacts, arns.build_artifacts]),
        allow("ReadModel", ["s3:GetObject"], [arns.model_archives, arns.registrations]),
        # Written once, never changed: S3 user guide, "Enforce conditional writes".
        allow("RecordDeployment", ["s3:PutObject"], arns.ledger, {"Null": {"s3:if-none-match": "false"}}),
        # CreateModel is not in the service authorization reference for a version; AWS's cross-account example for the
        # registry grants it there.
        allow("UseVersions", ["sagemaker:DescribeModelPackage", "sagemaker:CreateModel"], arns.model_packages),
    ]


def _managing(arns: Arns) -> list[Statement]:
    """A release that fails leaves nothing behind, and old versions go."""
    return [
        allow("FindOldVersions", ["sagemaker:ListModels", "sagemaker:ListEndpointConfigs"], "*"),
        allow("ReadAndRemoveModels", ["sagemaker:DescribeModel", "sagemaker:DeleteModel"], arns.models),
        allow(
            "ReadAndRemoveEndpointConfigs",
            ["sagemaker:DescribeEndpointConfig", "sagemaker:DeleteEndpointConfig"],
            arns.endpoint_configs,
        ),
        allow(
            "WatchTryAndRemoveEndpoint",
            ["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint", "sagemaker:DeleteEndpoint"],
            arns.endpoint,
        ),
    ]


def _making(arns: Arns, endpoint: EndpointSettings) -> list[Statement]:
    isolated: Condition | None = None
    if endpoint.kind == contract.REALTIME:
        isolated = {"Bool": {"sagemaker:NetworkIsolation": "true"}}
    return [
        allow("MakeModels", ["sagemaker:CreateModel"], arns.models, isolated),
        allow("MakeEndpointConfigs", ["sagemaker:CreateEndpointConfig"], arns.endpoint_configs, _machines(endpoint)),
        # IAM asks for both resources of either call.
        allow(
            "PutEndpoint",
            ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            [arns.endpoint, arns.endpoint_configs],
        ),
        allow(
            "TagWhatItMakes",
            ["sagemaker:AddTags"],
            [arns.models, arns.endpoint_configs, arns.endpoint],
            {"StringEquals": {"sagemaker:TaggingAction": ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]}},
        ),
        allow(
            "PassExecutionRole",
            ["iam:PassRole"],
            arns.execution_role,
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
    ]


def _machines(endpoint: EndpointSettings) -> Condition:
    """Return the condition that a configuration asks for the stack's own machines: what they are is what they cost."""
    if endpoint.kind == contract.SERVERLESS:
        return {
            "NumericEquals": {
                "sagemaker:ServerlessMemorySize": str(endpoint.memory_mb),
                "sagemaker:ServerlessMaxConcurrency": str(endpoint.max_concurrency),
            },
            "Null": {"sagemaker:InstanceTypes": "true"},
        }
    return {
        "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [endpoint.instance_type]},
        # ForAllValues holds for a request without the key as well.
        "Null": {"sagemaker:InstanceTypes": "false"},
    }


def _watching(arns: Arns, endpoint: EndpointSettings) -> list[Statement]:
    if not endpoint.bake_seconds:
        return []
    return [allow("SeeRolloutAlarms", ["cloudwatch:DescribeAlarms"], arns.rollout_alarms)]


def _ending_scaling(arns: Arns) -> list[Statement]:
    """Every endpoint with instances may have scaled before, under the settings of that time."""
    return [
        allow("EndScaling", ["application-autoscaling:DeregisterScalableTarget"], "*", ONLY_ENDPOINTS),
        allow("RemoveScalingAlarms", ["cloudwatch:DeleteAlarms"], arns.scaling_alarms),
    ]


def _scaling(arns: Arns) -> list[Statement]:
    """What whoever lets an endpoint scale needs (Application Auto Scaling user guide, "Permissions required for API
    actions on target services and CloudWatch").
    """
    return [
        allow(
            "Scale",
            ["application-autoscaling:RegisterScalableTarget", "application-autoscaling:PutScalingPolicy"],
            "*",
            ONLY_ENDPOINTS,
        ),
        allow("ScaleEndpoint", ["sagemaker:UpdateEndpointWeightsAndCapacities"], arns.endpoint),
        allow("PutScalingAlarms", ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"], arns.scaling_alarms),
        # The first scalable endpoint of an account makes it.
        allow(
            "MakeScalingRole",
            ["iam:CreateServiceLinkedRole"],
            arns.scaling_role,
            {"StringEquals": {"iam:AWSServiceName": SCALING_SERVICE}},
        ),
    ]
