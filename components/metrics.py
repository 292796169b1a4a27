"""Every CloudWatch metric that alarms and the dashboard read, each with its unit. No AWS, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from components.names import Names
from ml import contract

AVERAGE = "Average"
MAXIMUM = "Maximum"
SUM = "Sum"

APPROVAL_AGE_METRIC = "ApprovalAge"
"""Name of our own metric: what the metric filter makes of the bridge function's log."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of one thing, read as `statistic`: Average, Maximum, Sum, or a percentile such as p99."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str

    def read_as(self, statistic: str) -> "Metric":
        """Return the same metric under another statistic."""
        return replace(self, statistic=statistic)


def own_namespace(names: Names) -> str:
    """Return the namespace of the metrics that this stack makes itself: a filter can set no dimension to a constant."""
    return names.pipeline


def failed_executions(names: Names) -> Metric:
    """Return how many executions of the pipeline failed.

    Counted by a rule of our own (EventBridge user guide, metrics: TriggeredRules by RuleName). CodePipeline publishes
    FailedPipelineExecutions since 2025, but no source names the dimension that tells one pipeline from another.
    """
    return Metric(
        namespace="AWS/Events",
        name="TriggeredRules",
        dimensions={"RuleName": names.pipeline_failed_rule},
        statistic=SUM,
    )


def build_duration(project: str) -> Metric:
    """Return how long the builds of a project took, in seconds (CodeBuild user guide, CloudWatch metrics)."""
    return Metric(namespace="AWS/CodeBuild", name="Duration", dimensions={"ProjectName": project}, statistic=AVERAGE)


def failed_builds(project: str) -> Metric:
    """Return how many builds of a project failed (CodeBuild user guide, CloudWatch metrics)."""
    return Metric(namespace="AWS/CodeBuild", name="FailedBuilds", dimensions={"ProjectName": project}, statistic=SUM)


def function_errors(function: str) -> Metric:
    """Return how many calls of a function ended in an error (Lambda developer guide, function metrics)."""
    return _function("Errors", function)


def function_calls(function: str) -> Metric:
    """Return how often a function was called (Lambda developer guide, function metrics)."""
    return _function("Invocations", function)


def waiting_messages(queue: str) -> Metric:
    """Return how many messages lie in a queue (SQS developer guide, CloudWatch metrics)."""
    return Metric(
        namespace="AWS/SQS",
        name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue},
        statistic=MAXIMUM,
    )


def approval_age(names: Names) -> Metric:
    """Return for how many seconds the oldest approval has waited; 0 when none does."""
    return Metric(namespace=own_namespace(names), name=APPROVAL_AGE_METRIC, dimensions={}, statistic=MAXIMUM)


def invocations(names: Names) -> Metric:
    """Return how many requests the endpoint got."""
    return _endpoint("Invocations", names, SUM)


def client_errors(names: Names) -> Metric:
    """Return how many requests the endpoint answered with 4xx."""
    return _endpoint("Invocation4XXErrors", names, SUM)


def server_errors(names: Names) -> Metric:
    """Return which share of the requests the endpoint answered with 5xx, in [0, 1]; read as Sum, how many.

    SageMaker sends 1 for a 5xx and 0 for anything else (SageMaker developer guide, invocation metrics).
    """
    return _endpoint("Invocation5XXErrors", names, AVERAGE)


def model_latency(names: Names) -> Metric:
    """Return how long the model took to answer, in microseconds, network within SageMaker included."""
    return _endpoint("ModelLatency", names, "p99")


def overhead_latency(names: Names) -> Metric:
    """Return what SageMaker added to the model's time, in microseconds; a serverless cold start is in here."""
    return _endpoint("OverheadLatency", names, "p99")


def setup_time(names: Names) -> Metric:
    """Return how long a serverless endpoint took to start a worker, in microseconds."""
    return _endpoint("ModelSetupTime", names, "p99")


def cpu(names: Names) -> Metric:
    """Return the CPU that the containers use, in percent of one core: two busy cores are 200. Not for serverless."""
    return replace(_endpoint("CPUUtilization", names, AVERAGE), namespace="/aws/sagemaker/Endpoints")


def memory(names: Names) -> Metric:
    """Return the memory that the containers use, in percent of what they may."""
    return replace(_endpoint("MemoryUtilization", names, MAXIMUM), namespace="/aws/sagemaker/Endpoints")


def _function(metric: str, function: str) -> Metric:
    return Metric(namespace="AWS/Lambda", name=metric, dimensions={"FunctionName": function}, statistic=SUM)


def _endpoint(metric: str, names: Names, statistic: str) -> Metric:
    """Return a metric of the endpoint's one variant (SageMaker developer guide, Monitor with CloudWatch)."""
    return Metric(
        namespace="AWS/SageMaker",
        name=metric,
        dimensions={"EndpointName": names.endpoint, "VariantName": contract.VARIANT_NAME},
        statistic=statistic,
    )
