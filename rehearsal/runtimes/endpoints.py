"""SageMaker's endpoint operations, answered by endpoints that really serve."""

import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.account.clock import Clock
from rehearsal.account.cloud import AwsError, Caller, Cloud, Reply
from rehearsal.account.gateway import Proceed
from rehearsal.runtimes.endpoint import DELETING, FAILED, Endpoint
from rehearsal.runtimes.hosting import Launch
from rehearsal.runtimes.model_server import ServerError, Standby
from rehearsal.runtimes.rollback_alarms import RollbackAlarms
from rehearsal.runtimes.scaling import Scaling
from rehearsal.runtimes.traffic import deployment

_MESSAGE_CHARACTERS = 1024
_MODEL_ERROR_STATUS = HTTPStatus.FAILED_DEPENDENCY


_COUNT = "DesiredInstanceCount"


class EndpointHost:
    """Answers CreateEndpoint, UpdateEndpoint, DescribeEndpoint, ListEndpoints, DeleteEndpoint and InvokeEndpoint."""

    def __init__(self, cloud: Cloud, clock: Clock | None = None) -> None:
        self._cloud = cloud
        self._clock = clock or Clock()
        self._alarms = RollbackAlarms(cloud, self._clock)
        self._scaling = Scaling(cloud, self._bound)
        self._lock = threading.Lock()
        # Names are case-insensitive in an account (API reference, CreateEndpoint).
        self._endpoints: dict[str, Endpoint] = {}
        self._standby = Standby(cloud.work)
        cloud.operation("sagemaker", "CreateEndpoint", self._create)
        cloud.operation("sagemaker", "UpdateEndpoint", self._update)
        cloud.operation("sagemaker", "DescribeEndpoint", self._describe)
        cloud.operation("sagemaker", "ListEndpoints", self._list)
        cloud.operation("sagemaker", "DeleteEndpoint", self._delete)
        cloud.operation("sagemaker-runtime", "InvokeEndpoint", self._invoke)
        cloud.correct("sagemaker", "DeleteEndpointConfig", self._delete_config)
        cloud.correct("sagemaker", "DeleteModel", self._delete_model)

    def warm_up(self) -> None:
        """Prepare the first container while there is other work to do."""
        self._standby.prepare()

    def close(self) -> None:
        """End every container now."""
        with self._lock:
            endpoints = list(self._endpoints.values())
        for endpoint in endpoints:
            endpoint.kill()
        self._standby.close()

    # --- operations of the control plane -----------------------------------------------------------------------------

    def _create(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        _refuse_others(params, "EndpointName", "EndpointConfigName", "Tags")
        name, config_name = params["EndpointName"], params["EndpointConfigName"]
        instances = _instances(self._variant(config_name))
        arn = self._arn("endpoint", name)
        with self._lock:
            if name.lower() in self._endpoints:
                raise AwsError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            endpoint = Endpoint(self._cloud, self._standby, self._clock, name=name, arn=arn, config_name=config_name)
            self._endpoints[name.lower()] = endpoint
        self._work(endpoint, config_name, instances)
        return {"EndpointArn": endpoint.arn}

    def _update(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        retention = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties")
        _refuse_others(params, "EndpointName", "EndpointConfigName", "DeploymentConfig", *retention)
        endpoint, config_name = self._find(params["EndpointName"]), params["EndpointConfigName"]
        variant = self._variant(config_name)
        self._refuse_other_kind(endpoint, variant)
        excluded = [each["VariantPropertyType"] for each in params.get("ExcludeRetainedVariantProperties", [])]
        keeps = params.get("RetainAllVariantProperties", False) and _COUNT not in excluded
        instances = endpoint.instances if keeps else _instances(variant)
        steps = deployment(params.get("DeploymentConfig"), instances)
        self._alarms.require(steps.alarms)
        endpoint.begin_update(config_name)
        self._work(endpoint, config_name, instances, steps)
        return {"EndpointArn": endpoint.arn}

    def _work(self, endpoint: Endpoint, *deployment: Any) -> None:
        threading.Thread(target=endpoint.deploy, args=deployment, name=endpoint.name, daemon=True).start()

    def _refuse_other_kind(self, endpoint: Endpoint, new: Mapping[str, Any]) -> None:
        """Refuse what SageMaker does not update in place.

        Developer guide, "Deploy models with serverless inference" and "Update endpoints that use auto scaling".
        """
        old = self._variant(endpoint.config_name)
        if ("ServerlessConfig" in old) != ("ServerlessConfig" in new):
            if "ServerlessConfig" in old:
                raise NotImplementedError("a serverless endpoint that gets instances")
            raise AwsError("ValidationException", f"Endpoint {endpoint.name} has instances and cannot be serverless.")
        if old.get("InstanceType") != new.get("InstanceType") and self._scaling.is_target(endpoint.name):
            text = f"Endpoint {endpoint.name} is registered as a scalable target; its instance type cannot be changed."
            raise AwsError("ValidationException", text)

    def _bound(self, name: str, least: int, most: int) -> None:
        self._find(name).bound(least, most)

    def _describe(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        return self._find(params["EndpointName"]).describe()

    def _list(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        _refuse_others(params, "NameContains", "StatusEquals")
        with self._lock:
            endpoints = list(self._endpoints.values())
        summaries = [
            endpoint.summary()
            for endpoint in endpoints
            if params.get("NameContains", "").lower() in endpoint.name.lower()
        ]
        wanted = params.get("StatusEquals")
        return {"Endpoints": [each for each in summaries if wanted in (None, each["EndpointStatus"])]}

    def _delete(self, params: dict[str, Any], caller: Caller) -> None:
        endpoint = self._find(params["EndpointName"])
        self._scaling.endpoint_goes(endpoint.name, caller)

        def delete() -> None:
            """Forget the endpoint when its container has ended."""
            endpoint.delete()
            with self._lock:
                self._endpoints.pop(endpoint.name.lower(), None)

        threading.Thread(target=delete, daemon=True).start()

    def _delete_config(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        """AWS takes it and loses sight of the instances; "you must not" (API reference), so here nobody can."""
        if params["EndpointConfigName"] in self._configs_in_use():
            raise AwsError("ValidationException", f"Endpoint configuration {params['EndpointConfigName']} is in use.")
        return proceed(params)

    def _delete_model(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        if params["ModelName"] in {self._variant(config)["ModelName"] for config in self._configs_in_use()}:
            raise AwsError("ValidationException", f"Model {params['ModelName']} is in use.")
        return proceed(params)

    def _configs_in_use(self) -> set[str]:
        with self._lock:
            endpoints = list(self._endpoints.values())
        return {name for each in endpoints if each.status not in (FAILED, DELETING) for name in each.configs}

    # --- invocation --------------------------------------------------------------------------------------------------

    def _invoke(self, params: dict[str, Any], _caller: Caller) -> Reply:
        _refuse_others(params, "EndpointName", "Body", "ContentType", "Accept")
        name = params["EndpointName"]
        with self._lock:
            endpoint = self._endpoints.get(name.lower())
        if endpoint is None:
            raise AwsError("ValidationError", f"Endpoint {name} of account {self._cloud.account} not found.")
        headers = {"Content-Type": params.get("ContentType"), "Accept": params.get("Accept")}
        given = {name: value for name, value in headers.items() if value}
        launch = endpoint.choose()
        try:
            answer = launch.server.invoke(params.get("Body", b""), given)
        except ServerError as error:
            return self._model_error(launch, name, HTTPStatus.SERVICE_UNAVAILABLE, str(error).encode())
        if answer.status >= HTTPStatus.BAD_REQUEST:
            return self._model_error(launch, name, answer.status, answer.body)
        sent = {"Content-Type": answer.content_type, "x-Amzn-Invoked-Production-Variant": launch.served.variant_name}
        return Reply(status=answer.status, headers=sent, body=answer.body)

    def _model_error(self, launch: Launch, endpoint_name: str, status: int, original: bytes) -> Reply:
        """Wrap what the container refused as SageMaker does: 424, with the container's own status beside it."""
        side = "server" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "client"
        group = f"/aws/sagemaker/Endpoints/{endpoint_name}"
        message = original.decode(errors="replace")[:_MESSAGE_CHARACTERS]
        text = (
            f'Received {side} error ({status}) from {launch.served.variant_name} with message "{message}". '
            f"See {group} in account {self._cloud.account} for more information."
        )
        content = {
            "Message": text,
            "OriginalMessage": message,
            "OriginalStatusCode": status,
            "LogStreamArn": f"arn:aws:logs:{self._cloud.region}:{self._cloud.account}:log-group:{group}",
        }
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
        return Reply(status=_MODEL_ERROR_STATUS, headers=headers, body=json.dumps(content).encode())

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def _find(self, name: str) -> Endpoint:
        with self._lock:
            endpoint = self._endpoints.get(name.lower())
        if endpoint is None:
            raise AwsError("ValidationException", f'Could not find endpoint "{self._arn("endpoint", name)}".')
        return endpoint

    def _variant(self, config_name: str) -> Mapping[str, Any]:
        try:
            config = self._cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name)
        except ClientError as error:
            text = f'Could not find endpoint configuration "{self._arn("endpoint-config", config_name)}".'
            raise AwsError("ValidationException", text) from error
        first: Mapping[str, Any] = config["ProductionVariants"][0]
        return first

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:{kind}/{name.lower()}"


def _instances(variant: Mapping[str, Any]) -> int:
    """Return with how many instances the variant begins; 0 when it is serverless."""
    return int(variant.get("InitialInstanceCount", 0))


def _refuse_others(params: dict[str, Any], *known: str) -> None:
    if others := sorted(set(params) - set(known)):
        raise AwsError("ValidationException", f"not emulated: {', '.join(others)}")
