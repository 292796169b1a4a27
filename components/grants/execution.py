"""What the serving containers may do."""

from components.arns import Arns
from components.grants.common import WRITE_LOG
from components.iam import Statement, allow
from components.settings import Settings
from ml import contract


def execution_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Pull the serving image, read the model, write logs and metrics, and see the alarms that take an update back."""
    log_group = arns.names.endpoint_log_group
    statements = [
        allow("ReadModel", ["s3:GetObject"], arns.model_archives),
        allow("SignInToImageRegistry", ["ecr:GetAuthorizationToken"], "*"),
        allow(
            "PullServingImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            arns.serving_image,
        ),
        allow("WriteEndpointLog", WRITE_LOG, arns.log_streams(log_group)),
        allow("FindEndpointLogStream", ["logs:DescribeLogStreams"], arns.log_streams(log_group)),
        allow(
            "PublishEndpointMetrics",
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
    ]
    if settings.endpoint.kind == contract.REALTIME and settings.endpoint.bake_seconds:
        # SageMaker looks with this role (developer guide, "Auto-rollback configuration and monitoring").
        statements.append(allow("SeeRolloutAlarms", ["cloudwatch:DescribeAlarms"], arns.rollout_alarms))
    return statements
