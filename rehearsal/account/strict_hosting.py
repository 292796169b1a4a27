"""Corrections of moto's SageMaker models and endpoint configurations.

moto takes any package, any role and a second model of the same name, shows a model without what it was made from, lists
models whatever was asked for, knows few instance types, and does not look at what goes with a serverless variant.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import FakeEndpointConfig, sagemaker_backends

from rehearsal.account.calls import AwsError, Caller, Reply
from rehearsal.account.gateway import Proceed
from rehearsal.account.operations import json_result
from rehearsal.account.strict_registry import ModelPackages

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

APPROVED = "Approved"
SAGEMAKER = "sagemaker.amazonaws.com"
_PAGE_SIZE = 10
_LISTED = {"NameContains", "MaxResults", "NextToken"}


class Hosting:
    """What SageMaker checks before something may be served."""

    def __init__(self, cloud: "Cloud", packages: ModelPackages) -> None:
        self._cloud = cloud
        self._packages = packages
        cloud.correct("sagemaker", "CreateModel", self._create_model)
        cloud.correct("sagemaker", "DescribeModel", self._describe_model)
        cloud.correct("sagemaker", "CreateEndpointConfig", self._create_endpoint_config)
        cloud.operation("sagemaker", "ListModels", self._list_models)
        cloud.operation("sagemaker", "ListEndpointConfigs", self._list_endpoint_configs)
        # The service's own list is in its API model, and has been looked at by then.
        cloud.replace(FakeEndpointConfig, "validate_instance_type", lambda config, instance_type: None)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:{kind}/{name}"

    def _backend(self) -> Any:
        return sagemaker_backends[self._cloud.account][self._cloud.region]

    def _create_model(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        name = params["ModelName"]
        if name in self._backend()._models:
            text = f'Cannot create already existing model "{self._arn("model", name)}".'
            raise AwsError("ValidationException", text)
        if ("PrimaryContainer" in params) == ("Containers" in params):
            raise AwsError("ValidationException", "Exactly one of PrimaryContainer and Containers must be provided.")
        for container in params.get("Containers", [params.get("PrimaryContainer")]):
            self._refuse_unapproved(container)
        self._refuse_foreign_role(params)
        reply = proceed(params)
        json_result(reply)
        self._backend()._models[name].enable_network_isolation = params.get("EnableNetworkIsolation", False)
        return reply

    def _refuse_unapproved(self, container: Mapping[str, Any]) -> None:
        """SageMaker: "the status of the model package must be Approved to deploy the model" (API reference)."""
        if "ModelPackageName" not in container:
            return
        package = self._packages.get(container["ModelPackageName"])
        status = package["ModelApprovalStatus"]
        if status != APPROVED:
            text = f"Model package {package['ModelPackageArn']} has approval status {status}; it must be {APPROVED}."
            raise AwsError("ValidationException", text)

    def _refuse_foreign_role(self, params: Mapping[str, Any]) -> None:
        role_arn = params.get("ExecutionRoleArn", "")
        try:
            self._cloud.check_trust(role_arn, SAGEMAKER, source_arn=self._arn("model", params["ModelName"]))
        except AwsError as refusal:
            text = (
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                f"'{SAGEMAKER}' to assume the role."
            )
            raise AwsError("ValidationException", text) from refusal

    def _describe_model(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> dict[str, Any]:
        """Leave out the empty container and network that moto shows for a model made from Containers."""
        return {name: value for name, value in json_result(proceed(params)).items() if value not in ({}, [])}

    def _create_endpoint_config(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        name = params["EndpointConfigName"]
        if name in self._backend().endpoint_configs:
            text = f'Cannot create already existing endpoint configuration "{self._arn("endpoint-config", name)}".'
            raise AwsError("ValidationException", text)
        for variant in params["ProductionVariants"]:
            self._check_variant(variant)
        return proceed(params)

    def _check_variant(self, variant: Mapping[str, Any]) -> None:
        """Refuse what SageMaker does not serve: a variant has instances, or is serverless and not isolated.

        Developer guide, "Deploy models with serverless inference", feature exclusions. Where SageMaker finds it out is
        not verified: it may be as late as the endpoint's creation.
        """
        if ("ServerlessConfig" in variant) == ("InstanceType" in variant):
            text = "A production variant has either a ServerlessConfig or an InstanceType."
            raise AwsError("ValidationException", text)
        if "InstanceType" in variant and "InitialInstanceCount" not in variant:
            raise NotImplementedError("a variant with instances, but without InitialInstanceCount")
        if "ServerlessConfig" in variant and "InitialInstanceCount" in variant:
            raise AwsError("ValidationException", "A serverless variant has no InitialInstanceCount.")
        model = self._backend()._models.get(variant["ModelName"])
        if "ServerlessConfig" in variant and model and model.enable_network_isolation:
            text = f"Model {variant['ModelName']} has network isolation, which serverless inference does not support."
            raise AwsError("ValidationException", text)

    def _list_models(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        models = self._backend()._models.values()
        shown = [{"ModelName": m.model_name, "ModelArn": m.arn, "CreationTime": m.creation_time} for m in models]
        return _page("Models", "ModelName", shown, params)

    def _list_endpoint_configs(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        configs = self._backend().endpoint_configs.values()
        shown = [
            {
                "EndpointConfigName": config.endpoint_config_name,
                "EndpointConfigArn": config.endpoint_config_arn,
                "CreationTime": config.creation_time,
            }
            for config in configs
        ]
        return _page("EndpointConfigs", "EndpointConfigName", shown, params)


def _page(key: str, name: str, found: Iterable[Mapping[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a List operation: the newest first, ten on a page unless more were asked for."""
    if others := sorted(set(params) - _LISTED):
        raise NotImplementedError(f"a list by {', '.join(others)}")
    wanted = [each for each in found if params.get("NameContains", "").lower() in each[name].lower()]
    wanted.sort(key=lambda each: each["CreationTime"], reverse=True)
    start, size = int(params.get("NextToken", 0)), params.get("MaxResults", _PAGE_SIZE)
    page: dict[str, Any] = {key: wanted[start : start + size]}
    if len(wanted) > start + size:
        page["NextToken"] = str(start + size)
    return page
