"""What training jobs need: the train build that starts them, and the execution role that they run as."""

from components.arns import Arns
from components.grants.common import WRITE_LOG
from components.iam import Statement, allow
from components.settings import Settings
from components.stored_arns import bucket_arn, object_arn
from components.training_arns import TrainingArns
from ml import contract


def starter_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Start, watch and stop jobs of this stack's own name, and read what they print and leave."""
    training, own = settings.training, TrainingArns(names=arns.names)
    return [
        allow(
            "StartTrainingJobs",
            ["sagemaker:CreateTrainingJob"],
            own.jobs,
            {
                "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [training.instance_type]},
                # ForAllValues holds for a request without the key as well.
                "Null": {"sagemaker:InstanceTypes": "false"},
                "Bool": {"sagemaker:NetworkIsolation": "true"},
                "NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": str(training.max_runtime_minutes * 60)},
            },
        ),
        allow(
            "FollowAndStopTrainingJobs",
            ["sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"],
            own.jobs,
        ),
        allow(
            "TagTrainingJobs",
            ["sagemaker:AddTags"],
            own.jobs,
            {"StringEquals": {"sagemaker:TaggingAction": "CreateTrainingJob"}},
        ),
        allow(
            "PassExecutionRole",
            ["iam:PassRole"],
            arns.execution_role,
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        allow("FindTrainingLog", ["logs:DescribeLogStreams"], arns.log_streams(contract.TRAINING_LOG_GROUP)),
        allow("ReadTrainingLog", ["logs:GetLogEvents"], own.log_streams),
        allow("StoreTrainingInputsOnce", ["s3:PutObject"], own.inputs, {"Null": {"s3:if-none-match": "false"}}),
        allow("CompareTrainingInputs", ["s3:GetObject"], own.inputs),
        allow("ReadTrainingResult", ["s3:GetObject"], own.results),
    ]


def runner_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Bring a job its inputs and take its result and its log away: SageMaker does so, the job has no network."""
    own = TrainingArns(names=arns.names)
    inputs = {"StringLike": {"s3:prefix": f"{contract.TRAINING_INPUTS_PREFIX}*"}}
    statements = [
        allow("ReadTrainingInputs", ["s3:GetObject"], own.inputs),
        allow("FindTrainingInputs", ["s3:ListBucket"], bucket_arn(arns.names.model_bucket), inputs),
        allow("StoreTrainingResult", ["s3:PutObject"], own.results),
        # Every job of the account writes to this group, so no stack can own it: the first job makes it.
        allow("MakeTrainingLog", ["logs:CreateLogGroup"], arns.log_streams(contract.TRAINING_LOG_GROUP)),
        allow("WriteTrainingLog", WRITE_LOG, own.log_streams),
    ]
    if settings.training.data_uri:
        bucket, _, key = settings.training.data_uri.removeprefix("s3://").partition("/")
        data = {"StringEquals": {"s3:prefix": key}}
        statements += [
            allow("ReadTrainingData", ["s3:GetObject"], object_arn(settings.training.data_uri)),
            allow("FindTrainingData", ["s3:ListBucket"], bucket_arn(bucket), data),
        ]
    return statements
