"""Words that several roles' statements share."""

from components.arns import Arns
from components.iam import Condition, Statement, allow

STATUS = "sagemaker:ModelApprovalStatus"
"""IAM's key for the status that a call gives a version (service authorization reference, SageMaker)."""

WRITE_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


def status_is(*accepted: str) -> Condition:
    """Return the condition that a call gives a version one of these statuses, and names it."""
    return {"StringEquals": {STATUS: accepted[0] if len(accepted) == 1 else list(accepted)}}


def function_statements(arns: Arns, *, log_group: str, queue: str) -> list[Statement]:
    """Return what any function of the road needs to run: its log, its traces, and the queue for failed events."""
    return [
        allow("WriteFunctionLog", WRITE_LOG, arns.log_streams(log_group)),
        # What active tracing needs (Lambda developer guide, X-Ray: the execution role's permissions).
        allow("TraceCalls", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
        allow("KeepFailedEvents", ["sqs:SendMessage"], arns.queue(queue)),
    ]
