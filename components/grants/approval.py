"""What the approval function may do."""

from components.arns import Arns
from components.grants.common import function_statements, status_is
from components.iam import Statement, allow
from components.settings import Settings
from ml import contract


def approval_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Read a version's evidence, decide about the version, and answer the pipeline's job.

    Where a person is asked after it, it may reject only: nothing but that person makes a version Approved.
    """
    decisions = (contract.REJECTED,) if settings.approval.asks_person else (contract.APPROVED, contract.REJECTED)
    return [
        *function_statements(arns, log_group=arns.names.approval_log_group, queue=arns.names.dead_letter_queue),
        allow("ReadVersions", ["sagemaker:DescribeModelPackage"], arns.model_packages),
        allow("DecideAboutVersions", ["sagemaker:UpdateModelPackage"], arns.model_packages, status_is(*decisions)),
        allow("ReadEvaluation", ["s3:GetObject"], arns.evaluations),
        allow("AnswerPipelineJobs", ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], "*"),
    ]
