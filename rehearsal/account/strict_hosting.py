"""Corrections of moto's SageMaker models and endpoint configurations.

moto takes any package, any role and a second model of the same name, and shows a model without what it was made from.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import sagemaker_backends

from rehearsal.account.calls import AwsError, Caller, Reply
from rehearsal.account.gateway import Proceed
from rehearsal.account.operations import json_result
from rehearsal.account.strict_registry import ModelPackages

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

APPROVED = "Approved"
SAGEMAKER = "sagemaker.amazonaws.com"


class Hosting:
    """What SageMaker checks before something may be served."""

    def __init__(self, cloud: "Cloud", packages: ModelPackages) -> None:
        self._cloud = cloud
        self._packages = packages
        cloud.correct("sagemaker", "CreateModel", self._create_model)
        cloud.correct("sagemaker", "DescribeModel", self._describe_model)
        cloud.correct("sagemaker", "CreateEndpointConfig", self._create_endpoint_config)

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
        return proceed(params)
