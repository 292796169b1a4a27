"""What each role may do: one pure function per role, from names and settings to statements.

A statement is here because a call needs it: AWS documents the action for the step, or the code of the step makes the
call. What AWS's own examples grant beyond that is left out:

- s3:GetObjectVersion: the artifact location that CodePipeline hands to an action is a bucket and a key, no version
  (S3ArtifactLocation in its API model).
- lambda:ListFunctions: fills a list in the console.
- logs:CreateLogGroup: the program makes every log group, with its retention and its key.
- iam:PassRole for the train build: registering a version passes no role.
"""

from components.arns import Arns, object_arn
from components.iam import Condition, Statement, allow, deny
from components.settings import AUTOMATED, Settings
from ml import contract

STATUS = "sagemaker:ModelApprovalStatus"
_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")


def pipeline_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Fetch the commit, keep the artifacts, start the builds, and call the approval function where one decides."""
    statements = [
        allow("FindArtifactBucket", ["s3:GetBucketVersioning"], arns.artifact_bucket),
        allow("StoreCommit", ["s3:PutObject"], arns.source_artifacts),
        # In the least service role policy of the CodePipeline user guide; the builds read with their own roles.
        allow("ReadArtifacts", ["s3:GetObject"], [arns.source_artifacts, arns.build_artifacts]),
        allow(
            "FetchCommit",
            [
                "codecommit:GetBranch",
                "codecommit:GetCommit",
                "codecommit:UploadArchive",
                "codecommit:GetUploadArchiveStatus",
                "codecommit:CancelUploadArchive",
            ],
            arns.repository,
        ),
        allow(
            "RunBuilds",
            ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
            [arns.train_project, arns.deploy_project],
        ),
    ]
    if settings.approval.mode == AUTOMATED:
        statements.append(allow("AskApprovalFunction", ["lambda:InvokeFunction"], arns.approval_function))
    return statements


def train_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Read the commit, store a model and its evaluation, and register it undecided; never decide about it."""
    statements = [
        allow("WriteBuildLog", _LOG_ACTIONS, arns.log_streams(arns.names.train_log_group)),
        allow("ReadCommit", ["s3:GetObject"], arns.source_artifacts),
        allow("HandOverResult", ["s3:PutObject"], arns.build_artifacts),
        allow("StoreModel", ["s3:PutObject", "s3:GetObject"], [arns.model_archives, arns.evaluations]),
        allow(
            "RegisterUndecidedVersions",
            ["sagemaker:CreateModelPackage"],
            [*arns.model_package_groups, *arns.model_packages],
            _status(contract.PENDING),
        ),
        allow("WaitForVersion", ["sagemaker:DescribeModelPackage"], arns.model_packages),
        deny("NeverDecideAboutVersions", ["sagemaker:UpdateModelPackage"], "*"),
        deny(
            "NeverRegisterDecidedVersions",
            ["sagemaker:CreateModelPackage"],
            "*",
            _status(contract.APPROVED, contract.REJECTED),
        ),
    ]
    if settings.training.data_uri:
        statements.append(allow("ReadTrainingData", ["s3:GetObject"], object_arn(settings.training.data_uri)))
    return statements


def deploy_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Read the approved version, and make or update this stack's one endpoint; never decide about a version."""
    return [
        allow("WriteBuildLog", _LOG_ACTIONS, arns.log_streams(arns.names.deploy_log_group)),
        allow("ReadArtifacts", ["s3:GetObject"], [arns.source_artifacts, arns.build_artifacts]),
        allow("ReadModel", ["s3:GetObject"], arns.model_archives),
        allow("ReadVersions", ["sagemaker:DescribeModelPackage"], arns.model_packages),
        allow("MakeModels", ["sagemaker:CreateModel", "sagemaker:DescribeModel"], arns.models),
        # Not in the service authorization reference; AWS's cross-account example for the registry grants it.
        allow("MakeModelsFromVersions", ["sagemaker:CreateModel"], arns.model_packages),
        allow(
            "MakeEndpointConfigs",
            ["sagemaker:CreateEndpointConfig"],
            arns.endpoint_configs,
            {
                "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": [settings.endpoint.instance_type]},
                # ForAllValues holds for a request without the key as well.
                "Null": {"sagemaker:InstanceTypes": "false"},
            },
        ),
        # IAM asks for both resources of either call.
        allow(
            "PutEndpoint",
            ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            [arns.endpoint, arns.endpoint_configs],
        ),
        allow("WatchAndTryEndpoint", ["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"], arns.endpoint),
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
        deny("NeverDecideAboutVersions", ["sagemaker:UpdateModelPackage"], "*"),
    ]


def execution_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Pull the serving image, read the model, and write logs and metrics: what hosting needs and no more."""
    log_group = arns.names.endpoint_log_group
    return [
        allow("ReadModel", ["s3:GetObject"], arns.model_archives),
        allow("SignInToImageRegistry", ["ecr:GetAuthorizationToken"], "*"),
        allow(
            "PullServingImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            arns.serving_image,
        ),
        allow("WriteEndpointLog", _LOG_ACTIONS, arns.log_streams(log_group)),
        allow("FindEndpointLogStream", ["logs:DescribeLogStreams"], arns.log_streams(log_group)),
        allow(
            "PublishEndpointMetrics",
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
    ]


def approval_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Read a version's evidence, decide about the version, and answer the pipeline's job."""
    return [
        allow("WriteFunctionLog", _LOG_ACTIONS, arns.log_streams(arns.names.approval_log_group)),
        allow("ReadVersions", ["sagemaker:DescribeModelPackage"], arns.model_packages),
        allow(
            "DecideAboutVersions",
            ["sagemaker:UpdateModelPackage"],
            arns.model_packages,
            _status(contract.APPROVED, contract.REJECTED),
        ),
        allow("ReadEvaluation", ["s3:GetObject"], arns.evaluations),
        allow("AnswerPipelineJobs", ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], "*"),
        allow("KeepFailedEvents", ["sqs:SendMessage"], arns.dead_letter_queue),
    ]


def trigger_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Start this one pipeline."""
    return [allow("StartPipeline", ["codepipeline:StartPipelineExecution"], arns.pipeline)]


def _status(*accepted: str) -> Condition:
    return {"StringEquals": {STATUS: accepted[0] if len(accepted) == 1 else list(accepted)}}
