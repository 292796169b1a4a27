"""What the serving containers may do, and training jobs where a stack has them."""

from components.arns import Arns
from components.grants import training_jobs
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
            {"StringEquals": {"cloudwatch:namespace": _namespaces(settings)}},
        ),
    ]
    if settings.endpoint.kind == contract.REALTIME and settings.endpoint.bake_seconds:
        # SageMaker looks with this role (developer guide, "Auto-rollback configuration and monitoring").
        statements.append(allow("SeeRolloutAlarms", ["cloudwatch:DescribeAlarms"], arns.rollout_alarms))
    if settings.training.in_jobs:
        statements += training_jobs.runner_statements(arns, settings)
    return statements


def _namespaces(settings: Settings) -> list[str]:
    jobs = ["/aws/sagemaker/TrainingJobs"] if settings.training.in_jobs else []
    return ["AWS/SageMaker", "/aws/sagemaker/Endpoints", *jobs]
