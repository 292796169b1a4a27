"""What the train build may do."""

from components.arns import Arns
from components.grants import training_jobs
from components.grants.common import WRITE_LOG, status_is
from components.iam import Statement, allow, deny
from components.settings import Settings
from components.stored_arns import object_arn
from ml import contract


def train_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Read the commit, store a model with its evidence, and register it undecided; never decide about it.

    What serves may be read, to be measured against, and never touched.
    """
    statements = [
        allow("WriteBuildLog", WRITE_LOG, arns.log_streams(arns.names.train_log_group)),
        allow("ReadCommit", ["s3:GetObject"], arns.source_artifacts),
        allow("HandOverResult", ["s3:PutObject"], arns.build_artifacts),
        # Nothing that was written is ever replaced: the header that says so must be there (S3 user guide, "Enforce
        # conditional writes on Amazon S3 buckets").
        allow(
            "StoreModelOnce",
            ["s3:PutObject"],
            [arns.model_archives, arns.evaluations, arns.reports, arns.registrations],
            {"Null": {"s3:if-none-match": "false"}},
        ),
        allow("ReadStoredModels", ["s3:GetObject"], [arns.model_archives, arns.evaluations, arns.reports]),
        allow(
            "RegisterUndecidedVersions",
            ["sagemaker:CreateModelPackage"],
            [*arns.model_package_groups, *arns.model_packages],
            status_is(contract.PENDING),
        ),
        # A new model is measured against the one in service.
        allow("SeeWhatServes", ["sagemaker:DescribeEndpoint"], arns.endpoint),
        allow("SeeItsConfig", ["sagemaker:DescribeEndpointConfig"], arns.endpoint_configs),
        allow("SeeItsModel", ["sagemaker:DescribeModel"], arns.models),
        allow("ReadVersions", ["sagemaker:DescribeModelPackage"], arns.model_packages),
        deny("NeverDecideAboutVersions", ["sagemaker:UpdateModelPackage"], "*"),
        deny(
            "NeverRegisterDecidedVersions",
            ["sagemaker:CreateModelPackage"],
            "*",
            status_is(contract.APPROVED, contract.REJECTED),
        ),
    ]
    if settings.training.in_jobs:
        return [*statements, *training_jobs.starter_statements(arns, settings)]
    if settings.training.data_uri:
        statements.append(allow("ReadTrainingData", ["s3:GetObject"], object_arn(settings.training.data_uri)))
    return statements
