"""Every request that puts a version on the endpoint, written down before any is sent. No AWS, no I/O."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml import contract
from ml.endpoint_plan import EndpointPlan
from ml.errors import InputError
from ml.registry import ModelPackageArn

IN_SERVICE_SECONDS = 1200
"""For new instances to come up, beside the time for which they are watched."""
LONGEST_DEPLOYMENT_SECONDS = 28_800
"""MaximumExecutionTimeoutInSeconds in SageMaker's API model."""

NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}")
_DIGEST_CHARACTERS = 8


@dataclass(frozen=True, kw_only=True)
class Release:
    """What one deployment puts on the endpoint.

    `requested` says that a person asked for exactly this version: only then may it be older than the one in service.
    """

    plan: EndpointPlan
    model_package: ModelPackageArn
    archive_sha256: str
    execution_role_arn: str
    execution: str
    commit: str
    requested: bool

    @property
    def model_name(self) -> str:
        """The SageMaker model's name: the same whenever the same model is made. Raises InputError when too long."""
        digest = _digest([_model(self), self.archive_sha256])
        return _name(f"{self.plan.prefix}v{self.model_package.version}-{digest}")

    @property
    def config_name(self) -> str:
        """The endpoint configuration's name: the same in every try of one execution, another one in the next.

        So configurations are made in the order in which they are to serve, and each carries its own commit.
        """
        return _name(f"{self.model_name}-{_digest([variant(self), self.execution])}")

    @property
    def tags(self) -> Mapping[str, str]:
        """The stack's tags, and where the release comes from."""
        origin = {
            "ModelPackageArn": self.model_package.text,
            "CommitId": self.commit,
            "PipelineExecutionId": self.execution,
        }
        return {**self.plan.tags, **origin}


# --- requests --------------------------------------------------------------------------------------------------------


def model_request(release: Release) -> dict[str, Any]:
    """Return the parameters of CreateModel."""
    return {"ModelName": release.model_name, **_model(release), "Tags": tag_list(release.tags)}


def variant(release: Release) -> dict[str, Any]:
    """Return the one variant of the configuration: all that is served and on what, but for how an update goes."""
    plan = release.plan
    common = {"VariantName": contract.VARIANT_NAME, "ModelName": release.model_name}
    if plan.serverless:
        return common | {"ServerlessConfig": {"MemorySizeInMB": plan.memory_mb, "MaxConcurrency": plan.max_concurrency}}
    return common | {"InstanceType": plan.instance_type, "InitialInstanceCount": plan.instance_count}


def same_variant(config: Mapping[str, Any], release: Release) -> bool:
    """Return whether a described configuration serves exactly what the release would; AWS adds defaults to it."""
    variants = config["ProductionVariants"]
    return len(variants) == 1 and all(variants[0].get(key) == value for key, value in variant(release).items())


def endpoint_config_request(release: Release) -> dict[str, Any]:
    """Return the parameters of CreateEndpointConfig.

    KmsKeyId is left out: the stack's key would then need grants (kms:CreateGrant) that nothing else here needs, and
    instance types with local storage refuse it, because they encrypt by themselves (API reference, KmsKeyId).
    """
    return {
        "EndpointConfigName": release.config_name,
        "ProductionVariants": [variant(release)],
        "Tags": tag_list(release.tags),
    }


def create_request(release: Release) -> dict[str, Any]:
    """Return the parameters of CreateEndpoint. The endpoint outlives the release, so it has none of its tags."""
    tags = {**release.plan.tags, "ModelPackageGroup": release.model_package.group}
    return {"EndpointName": release.plan.name, "EndpointConfigName": release.config_name, "Tags": tag_list(tags)}


def update_request(release: Release, running: int) -> dict[str, Any]:
    """Return the parameters of UpdateEndpoint where `running` instances serve now (0 when serverless)."""
    plan = release.plan
    request: dict[str, Any] = {"EndpointName": plan.name, "EndpointConfigName": release.config_name}
    # What the load asked for is kept. Outside of the plan's range the plan's own number is right.
    kept = plan.scales and plan.instance_count < running <= plan.max_instance_count
    if kept:
        request |= retention()
    if deployment := deployment_config(plan, running if kept else plan.instance_count):
        request["DeploymentConfig"] = deployment
    return request


def retention() -> dict[str, Any]:
    """Return the parameters by which an update keeps the number of instances, and nothing else, as it is."""
    return {
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
    }


def deployment_config(plan: EndpointPlan, fleet: int) -> dict[str, Any] | None:
    """Return how an update of `fleet` instances goes. None for serverless, which deployment guardrails do not cover."""
    if plan.serverless:
        return None
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": _routing(plan, fleet),
            "TerminationWaitInSeconds": plan.bake_seconds,
            # It must be more than all waits together (API reference, BlueGreenUpdatePolicy).
            "MaximumExecutionTimeoutInSeconds": min(
                IN_SERVICE_SECONDS + plan.watch_seconds, LONGEST_DEPLOYMENT_SECONDS
            ),
        }
    }
    if plan.guarded:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": alarm} for alarm in plan.alarms]}
    return config


def _routing(plan: EndpointPlan, fleet: int) -> dict[str, Any]:
    if plan.traffic == contract.CANARY:
        # At most half of the instances (API reference, TrafficRoutingConfig): one, of two or more.
        size = {"Type": "INSTANCE_COUNT", "Value": 1}
        return {"Type": "CANARY", "WaitIntervalInSeconds": plan.bake_seconds, "CanarySize": size}
    if plan.traffic == contract.LINEAR:
        # A tenth to half of the instances (same place): a quarter, rounded up to whole ones.
        size = {"Type": "INSTANCE_COUNT", "Value": -(-fleet // contract.SHIFTS[contract.LINEAR])}
        return {"Type": "LINEAR", "WaitIntervalInSeconds": plan.bake_seconds, "LinearStepSize": size}
    # boto3 refuses a request without the interval, although there is no second step to wait for.
    return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}


def _model(release: Release) -> dict[str, Any]:
    return {
        "ExecutionRoleArn": release.execution_role_arn,
        "Containers": [{"ModelPackageName": release.model_package.text}],
        # Serverless inference does not support it (developer guide, "Feature exclusions" of serverless inference).
        "EnableNetworkIsolation": not release.plan.serverless,
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return `tags` in the shape of the API."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGEST_CHARACTERS]


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name that SageMaker accepts (63 letters, digits, hyphens). Shorten the endpoint's"
        )
    return name
