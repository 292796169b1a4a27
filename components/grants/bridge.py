"""What the bridge function may do."""

from components.arns import Arns
from components.grants.common import function_statements, status_is
from components.iam import Statement, allow
from components.settings import Settings
from ml import contract


def bridge_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Carry one person's decision from the pipeline to the registry, or the other way; it has no evidence to judge."""
    return [
        *function_statements(arns, log_group=arns.names.bridge_log_group, queue=arns.names.bridge_dead_letter_queue),
        allow("ReadPipeline", ["codepipeline:GetPipelineState", "codepipeline:ListActionExecutions"], arns.pipeline),
        allow("AnswerApproval", ["codepipeline:PutApprovalResult"], arns.manual_approval),
        allow("ReadVersions", ["sagemaker:DescribeModelPackage"], arns.model_packages),
        allow(
            "RecordDecisions",
            ["sagemaker:UpdateModelPackage"],
            arns.model_packages,
            status_is(contract.APPROVED, contract.REJECTED),
        ),
        allow("AnswerPipelineJobs", ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], "*"),
    ]
