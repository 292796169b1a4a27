"""What SageMaker asks IAM: the rows of the authorization rules that need more than one ARN pattern.

Source: service authorization reference for Amazon SageMaker; a row that asks more than that page names its own source.
"""

from rehearsal.account.authorization_place import Params, Place, Rule
from rehearsal.account.calls import Check, Context


def on_name(action: str, kind: str, name: str) -> Rule:
    """SageMaker writes the names of models, endpoint configurations and endpoints in lower case into their ARNs."""

    def _rule(params: Params, place: Place) -> list[Check]:
        resource = place.arn("sagemaker", f"{kind}/{params[name].lower()}")
        return [Check(action=f"sagemaker:{action}", resource=resource)]

    return _rule


def _tag_context(params: Params) -> dict[str, str | list[str]]:
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}
    context: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return {**context, "aws:TagKeys": list(tags)} if tags else {}


def _creation(operation: str, resource: str, params: Params, context: Context) -> list[Check]:
    """Ask for the creation itself and, when it carries tags, for sagemaker:AddTags on the same resource."""
    tags = _tag_context(params)
    checks = [Check(action=f"sagemaker:{operation}", resource=resource, context={**context, **tags})]
    if tags:
        context = {**tags, "sagemaker:TaggingAction": operation}
        checks.append(Check(action="sagemaker:AddTags", resource=resource, context=context))
    return checks


def _pass_role(role_arn: str, associated_arn: str) -> Check:
    context = {"iam:PassedToService": "sagemaker.amazonaws.com", "iam:AssociatedResourceArn": associated_arn}
    return Check(action="iam:PassRole", resource=role_arn, context=context)


def _package_arn(params: Params, place: Place, field: str) -> str:
    name = str(params[field])
    return name if name.startswith("arn:") else place.arn("sagemaker", f"model-package/{name}")


def _package_context(params: Params) -> dict[str, str | list[str]]:
    """Return the condition keys of Create- and UpdateModelPackage; a key is absent when its parameter is."""
    context: dict[str, str | list[str]] = {
        f"sagemaker:CustomerMetadataProperties/{key}": value
        for key, value in params.get("CustomerMetadataProperties", {}).items()
    }
    if status := params.get("ModelApprovalStatus"):
        context["sagemaker:ModelApprovalStatus"] = status
    if removed := params.get("CustomerMetadataPropertiesToRemove"):
        context["sagemaker:CustomerMetadataPropertiesToRemove"] = removed
    return context


def create_model_package(params: Params, place: Place) -> list[Check]:
    """Ask on the package to be (its number is not known yet) and on its group: the reference lists both types."""
    group = str(params.get("ModelPackageGroupName", "")).rpartition("/")[2]
    spelt = group.lower() if place.lower_case_packages else group
    context = _package_context(params)
    resources = (f"model-package/{spelt}/*", f"model-package-group/{group}")
    return [
        Check(action="sagemaker:CreateModelPackage", resource=place.arn("sagemaker", rest), context=context)
        for rest in resources
    ]


def update_model_package(params: Params, place: Place) -> list[Check]:
    """Ask on the package, with what the call would change."""
    resource = _package_arn(params, place, "ModelPackageArn")
    return [Check(action="sagemaker:UpdateModelPackage", resource=resource, context=_package_context(params))]


def describe_model_package(params: Params, place: Place) -> list[Check]:
    """Ask on the package."""
    resource = _package_arn(params, place, "ModelPackageName")
    return [Check(action="sagemaker:DescribeModelPackage", resource=resource)]


def create_model(params: Params, place: Place) -> list[Check]:
    """Ask also for CreateModel on each package: AWS's own cross-account group policies grant it there."""
    model = place.arn("sagemaker", f"model/{params['ModelName'].lower()}")
    containers = [params.get("PrimaryContainer", {}), *params.get("Containers", [])]
    isolated = str(params.get("EnableNetworkIsolation", False)).lower()
    packages = [
        Check(action="sagemaker:CreateModel", resource=_package_arn(container, place, "ModelPackageName"))
        for container in containers
        if "ModelPackageName" in container
    ]
    role = [_pass_role(params["ExecutionRoleArn"], model)] if "ExecutionRoleArn" in params else []
    return _creation("CreateModel", model, params, {"sagemaker:NetworkIsolation": isolated}) + packages + role


def create_endpoint_config(params: Params, place: Place) -> list[Check]:
    """Ask with the instance types; a serverless variant has none, and then the key is absent."""
    resource = place.arn("sagemaker", f"endpoint-config/{params['EndpointConfigName'].lower()}")
    instance_types = [v["InstanceType"] for v in params["ProductionVariants"] if "InstanceType" in v]
    context: dict[str, str | list[str]] = {"sagemaker:InstanceTypes": instance_types} if instance_types else {}
    for serverless in (v["ServerlessConfig"] for v in params["ProductionVariants"] if "ServerlessConfig" in v):
        context["sagemaker:ServerlessMemorySize"] = str(serverless["MemorySizeInMB"])
        context["sagemaker:ServerlessMaxConcurrency"] = str(serverless["MaxConcurrency"])
    role = [_pass_role(params["ExecutionRoleArn"], resource)] if "ExecutionRoleArn" in params else []
    return _creation("CreateEndpointConfig", resource, params, context) + role


def create_training_job(params: Params, place: Place) -> list[Check]:
    """Ask with the machine, the limit and the keys; SageMaker is passed the role that the job runs as."""
    resource = place.arn("sagemaker", f"training-job/{params['TrainingJobName'].lower()}")
    machine, limit = params["ResourceConfig"], params.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    context: dict[str, str | list[str]] = {
        "sagemaker:InstanceTypes": [machine["InstanceType"]],
        "sagemaker:NetworkIsolation": str(params.get("EnableNetworkIsolation", False)).lower(),
    }
    given = {
        "sagemaker:MaxRuntimeInSeconds": limit,
        "sagemaker:VolumeKmsKey": machine.get("VolumeKmsKeyId"),
        "sagemaker:OutputKmsKey": params["OutputDataConfig"].get("KmsKeyId"),
    }
    context |= {key: str(value) for key, value in given.items() if value is not None}
    return [*_creation("CreateTrainingJob", resource, params, context), _pass_role(params["RoleArn"], resource)]


def endpoint_and_config(operation: str) -> Rule:
    """Ask on the endpoint and on its configuration."""

    def _rule(params: Params, place: Place) -> list[Check]:
        endpoint = place.arn("sagemaker", f"endpoint/{params['EndpointName'].lower()}")
        config = place.arn("sagemaker", f"endpoint-config/{params['EndpointConfigName'].lower()}")
        on_endpoint = _creation(operation, endpoint, params, {})
        return [*on_endpoint, Check(action=f"sagemaker:{operation}", resource=config)]

    return _rule
