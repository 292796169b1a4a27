"""One account's hosting, in memory: SageMaker, its runtime, alarms and scaling, strict where the road relies on it.

Every call is held against the service's own model, counted, and may be the last one of a run that is killed there.
"""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ml.endpoint import Pauses
from ml.endpoint_config import Release
from ml.endpoint_plan import EndpointPlan
from ml.registry import parse_model_package_arn
from ml.rollout import Clients, Rollout

ROLE = "arn:aws:iam::123456789012:role/SageMaker-MLE-004-Role"
GROUP_ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels"
NAME = "mle-004-churn"
GOLDEN = {"instances": [[1.0]], "predictions": [{"label": "yes", "probability": 0.75}]}
ENVIRONMENT = {
    "ENDPOINT_NAME": NAME,
    "ENDPOINT_KIND": "realtime",
    "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
    "ENDPOINT_INSTANCE_COUNT": "1",
    "ENDPOINT_MAX_INSTANCE_COUNT": "1",
    "ENDPOINT_MEMORY_MB": "2048",
    "ENDPOINT_MAX_CONCURRENCY": "10",
    "ENDPOINT_TRAFFIC": "all-at-once",
    "ENDPOINT_BAKE_SECONDS": "300",
    "ENDPOINT_KEEP_VERSIONS": "3",
    "ENDPOINT_ALARMS": '["errors"]',
    "TAGS": '{"stack": "dev"}',
}


class Killed(BaseException):
    """The build ended here. Not an Exception: nothing in the road may answer it."""


def plan(**changes: str) -> EndpointPlan:
    """Return the plan of ENVIRONMENT with some of its keys changed (kind="serverless": ENDPOINT_KIND)."""
    return EndpointPlan.read(ENVIRONMENT | {f"ENDPOINT_{key.upper()}": value for key, value in changes.items()})


def release(version: int = 1, *, execution: str = "", requested: bool = False, **changes: str) -> Release:
    return Release(
        plan=plan(**changes),
        model_package=parse_model_package_arn(f"{GROUP_ARN}/{version}"),
        archive_sha256=f"{version:064}",
        execution_role_arn=ROLE,
        execution=execution or f"execution-{version}",
        commit="0123abc",
        requested=requested,
    )


def pauses(seconds: float) -> Iterator[float]:
    """Eight looks, the last one when time is up."""
    return iter([0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, seconds])


class HostingAccount:
    """State is public: tests read it. `bad` holds versions that do not come up, `wrong` those that answer wrongly."""

    def __init__(self, check: Callable[[str, str, dict[str, Any]], None]) -> None:
        self._check = check
        self._seconds = 0
        self.models: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.endpoint: dict[str, Any] | None = None
        self.target: dict[str, Any] | None = None
        self.policy: dict[str, Any] | None = None
        self.alarms = {"errors": "OK"}
        self.bad: set[int] = set()
        self.wrong: set[int] = set()
        self.quota_is_used_up = False
        self.stale_looks = 0
        """For how many looks an accepted update does not show."""
        self._stale: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.violations: list[str] = []
        self.kill_before: int | None = None
        self.kill_after: int | None = None

    # --- as the road sees it -----------------------------------------------------------------------------------------

    @property
    def clients(self) -> Clients:
        services = {
            "sagemaker": "sagemaker",
            "runtime": "sagemaker-runtime",
            "cloudwatch": "cloudwatch",
            "autoscaling": "application-autoscaling",
        }
        return Clients(**{field: _Client(self, service) for field, service in services.items()})  # type: ignore[arg-type]

    def run(self, wanted: Release, waits: Pauses = pauses) -> str:
        return Rollout(release=wanted, golden=GOLDEN, clients=self.clients, pauses=waits).run()

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> Any:
        self._check(service, "".join(word.title() for word in operation.split("_")), parameters)
        number = len(self.calls)
        self.calls.append((operation, parameters))
        if number == self.kill_before:
            raise Killed
        try:
            return getattr(self, f"_{operation}")(**parameters)
        finally:
            if number == self.kill_after:
                raise Killed

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def sent(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name == operation]

    @property
    def writes(self) -> list[str]:
        reading = ("describe_", "list_", "invoke_")
        return [operation for operation in self.operations if not operation.startswith(reading)]

    @property
    def version(self) -> int | None:
        """The version that answers an invocation now."""
        if self.endpoint is None or self.endpoint["serving"] is None:
            return None
        return self._version_of(self.endpoint["serving"])

    # --- models and configurations -----------------------------------------------------------------------------------

    def _describe_model(self, ModelName: str) -> Any:
        return self._get(self.models, "model", ModelName)

    def _create_model(self, **parameters: Any) -> Any:
        self._put(self.models, "model", parameters["ModelName"], parameters)

    def _delete_model(self, ModelName: str) -> Any:
        self._get(self.models, "model", ModelName)
        if any(self._model_of(config) == ModelName for config in self._in_use()):
            self.violations.append(f"model {ModelName} deleted while in use")
        del self.models[ModelName]

    def _list_models(self, **filters: Any) -> Any:
        return self._page("Models", "ModelName", self.models, **filters)

    def _describe_endpoint_config(self, EndpointConfigName: str) -> Any:
        return self._get(self.configs, "endpoint configuration", EndpointConfigName)

    def _create_endpoint_config(self, **parameters: Any) -> Any:
        self._get(self.models, "model", parameters["ProductionVariants"][0]["ModelName"])
        self._put(self.configs, "endpoint configuration", parameters["EndpointConfigName"], parameters)

    def _delete_endpoint_config(self, EndpointConfigName: str) -> Any:
        self._get(self.configs, "endpoint configuration", EndpointConfigName)
        if EndpointConfigName in self._in_use():
            self.violations.append(f"configuration {EndpointConfigName} deleted while in use")
        del self.configs[EndpointConfigName]

    def _list_endpoint_configs(self, **filters: Any) -> Any:
        return self._page("EndpointConfigs", "EndpointConfigName", self.configs, **filters)

    # --- endpoint ----------------------------------------------------------------------------------------------------

    def _describe_endpoint(self, EndpointName: str) -> Any:
        endpoint = self.endpoint
        if endpoint is None:
            raise _error("ValidationException", f'Could not find endpoint "{EndpointName}".')
        if self._stale:
            return self._stale.pop()
        shown = self._shown(EndpointName, endpoint)
        self._go_on()
        return shown

    def _shown(self, name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
        shown = {
            "EndpointName": name,
            "EndpointStatus": endpoint["status"],
            "EndpointConfigName": endpoint["serving"] or endpoint["wanted"],
            "ProductionVariants": [{"VariantName": "AllTraffic", "DesiredInstanceCount": endpoint["instances"]}],
        }
        if endpoint["reason"]:
            shown["FailureReason"] = endpoint["reason"]
        return shown

    def _create_endpoint(self, EndpointName: str, EndpointConfigName: str, Tags: Any) -> Any:
        if self.endpoint is not None:
            raise _error("ValidationException", "Cannot create already existing endpoint.")
        self._get(self.configs, "endpoint configuration", EndpointConfigName)
        self._refuse_beyond_quota()
        self.endpoint = {"status": "Creating", "wanted": EndpointConfigName, "serving": None, "reason": ""}
        self.endpoint["instances"] = self._variant(EndpointConfigName).get("InitialInstanceCount", 0)

    def _update_endpoint(self, EndpointName: str, EndpointConfigName: str, **options: Any) -> Any:
        if self.endpoint is None or self.endpoint["status"] != "InService":
            raise _error("ValidationException", "Cannot update an endpoint that is not in service.")
        self._get(self.configs, "endpoint configuration", EndpointConfigName)
        new, old = self._variant(EndpointConfigName), self._variant(self.endpoint["serving"])
        if "ServerlessConfig" in new and "ServerlessConfig" not in old:
            raise _error("ValidationException", "Cannot make an endpoint serverless.")
        if self.target and new.get("InstanceType") != old.get("InstanceType"):
            raise _error("ValidationException", "The variant is a scalable target.")
        self._refuse_beyond_quota()
        self._stale = [self._shown(EndpointName, self.endpoint)] * self.stale_looks
        self.endpoint |= {"status": "Updating", "wanted": EndpointConfigName, "reason": ""}
        if not options.get("RetainAllVariantProperties"):
            self.endpoint["instances"] = new.get("InitialInstanceCount", 0)

    def _delete_endpoint(self, EndpointName: str) -> Any:
        self._describe_endpoint(EndpointName)
        if self.target:
            self.violations.append("endpoint deleted while it was a scalable target")
        self.endpoint = {**(self.endpoint or {}), "status": "Deleting", "serving": None}

    def _go_on(self) -> None:
        """Each look lets the endpoint take one step."""
        endpoint = self.endpoint
        assert endpoint is not None
        if endpoint["status"] == "Deleting":
            self.endpoint = None
        elif endpoint["status"] in ("Creating", "Updating"):
            if self._version_of(endpoint["wanted"]) not in self.bad:
                endpoint |= {"status": "InService", "serving": endpoint["wanted"]}
            elif endpoint["status"] == "Creating":
                endpoint |= {"status": "Failed", "reason": "did not pass the ping"}
            else:
                endpoint |= {"status": "RollingBack", "reason": "did not pass the ping"}
        elif endpoint["status"] == "RollingBack":
            endpoint["status"] = "InService"

    def _invoke_endpoint(self, EndpointName: str, **_: Any) -> Any:
        assert self.version is not None
        answer = {"label": "yes", "probability": 0.1 if self.version in self.wrong else 0.75}
        return {"Body": io.BytesIO(json.dumps({"predictions": [answer]}).encode())}

    # --- alarms and scaling ------------------------------------------------------------------------------------------

    def _describe_alarms(self, AlarmNames: list[str], AlarmTypes: list[str]) -> Any:
        found = [{"AlarmName": name, "StateValue": self.alarms[name]} for name in AlarmNames if name in self.alarms]
        return {"MetricAlarms": found}

    def _register_scalable_target(self, **parameters: Any) -> Any:
        self.target = parameters
        assert self.endpoint is not None
        low, high = parameters["MinCapacity"], parameters["MaxCapacity"]
        self.endpoint["instances"] = min(max(self.endpoint["instances"], low), high)

    def _put_scaling_policy(self, **parameters: Any) -> Any:
        assert self.target
        self.policy = parameters

    def _deregister_scalable_target(self, **_: Any) -> Any:
        if self.target is None:
            raise _error("ObjectNotFoundException", "No scalable target found")
        self.target = self.policy = None

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def _in_use(self) -> set[str]:
        if self.endpoint is None or self.endpoint["status"] in ("Failed", "Deleting"):
            return set()
        wanted = {self.endpoint["wanted"]} if self.endpoint["status"] in ("Creating", "Updating") else set()
        return wanted | ({self.endpoint["serving"]} - {None})

    def _variant(self, config: str) -> dict[str, Any]:
        first: dict[str, Any] = self.configs[config]["ProductionVariants"][0]
        return first

    def _model_of(self, config: str) -> str:
        return str(self._variant(config)["ModelName"])

    def _version_of(self, config: str) -> int:
        package = self.models[self._model_of(config)]["Containers"][0]["ModelPackageName"]
        return int(package.rpartition("/")[2])

    def _put(self, kept: dict[str, Any], kind: str, name: str, parameters: dict[str, Any]) -> None:
        if name in kept:
            raise _error("ValidationException", f"Cannot create already existing {kind}.")
        self._seconds += 1
        created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._seconds)
        kept[name] = {**parameters, "CreationTime": created}

    def _get(self, kept: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
        if name not in kept:
            raise _error("ValidationException", f'Could not find {kind} "{name}".')
        found: dict[str, Any] = kept[name]
        return found

    def _page(
        self, key: str, field: str, kept: dict[str, Any], *, NameContains: str, MaxResults: int, NextToken: str = "0"
    ) -> Any:
        """Pages of two, so that whoever forgets the token sees it."""
        start = int(NextToken)
        found = [{field: name, "CreationTime": kept[name]["CreationTime"]} for name in kept if NameContains in name]
        page: dict[str, Any] = {key: found[start : start + 2]}
        if len(found) > start + 2:
            page["NextToken"] = str(start + 2)
        return page

    def _refuse_beyond_quota(self) -> None:
        if self.quota_is_used_up:
            raise _error("ResourceLimitExceeded", "The account-level limit is 2 Instances")


class _Client:
    def __init__(self, account: HostingAccount, service: str) -> None:
        self._account = account
        self._service = service

    def __getattr__(self, operation: str) -> Any:
        return lambda **parameters: self._account.call(self._service, operation, parameters)


def _error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")
