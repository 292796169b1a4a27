"""Find and remove what the releases of one stack left in the account: Pulumi knows none of it.

Made for `pulumi destroy` and for the operator's own commands. Everything may be repeated: what is gone already is as
good as removed. Names decide what belongs to the stack: the endpoint's own, and those that begin with it and the
separator, which no other stack's begin with.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from ml import contract
from ml.absence import is_gone
from ml.endpoint import CHANGING, DELETING, Pauses, is_absent
from ml.endpoint_wait import Say
from ml.errors import RoadError
from ml.registry import parse_model_package_arn

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_sagemaker import SageMakerClient

STOP_SECONDS = 600
"""For running builds to end after they were told to."""
SETTLE_SECONDS = 3600
"""For a change that is under way: SageMaker deletes no endpoint during one, and a careful one takes its time."""
GONE_SECONDS = 1200
"""For the endpoint to be gone after its deletion began."""
ROUNDS = 3
"""Of looking and removing: what a build made at the last moment is found by the next look."""

_NAMESPACE: Literal["sagemaker"] = "sagemaker"
_NO_PROJECT = "ResourceNotFoundException"


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The AWS that things are removed from."""

    sagemaker: "SageMakerClient"
    autoscaling: "ApplicationAutoScalingClient"
    codebuild: Any


@dataclass(frozen=True, kw_only=True)
class ServingResources:
    """What the deploy step made for one endpoint and what is still there, by name. `endpoint` is empty without one."""

    endpoint: str
    scalable_targets: Sequence[tuple[str, str]]
    """Resource id and scalable dimension of each."""
    endpoint_configs: Sequence[str]
    models: Sequence[str]

    def labels(self) -> list[str]:
        """Return one line for each of them."""
        kinds = {
            "endpoint": [self.endpoint] if self.endpoint else [],
            "scalable target": [resource for resource, _ in self.scalable_targets],
            "endpoint configuration": self.endpoint_configs,
            "model": self.models,
        }
        return [f"{kind} {name}" for kind, names in kinds.items() for name in names]


def serving_resources(clients: Clients, endpoint_name: str) -> ServingResources:
    """Return what is there of this endpoint."""
    prefix, sagemaker = endpoint_name + contract.VERSION_SEPARATOR, clients.sagemaker
    return ServingResources(
        endpoint=endpoint_name if _status(sagemaker, endpoint_name) else "",
        scalable_targets=scalable_targets(clients.autoscaling, endpoint_name),
        endpoint_configs=_named(sagemaker, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", prefix),
        models=_named(sagemaker, "list_models", "Models", "ModelName", prefix),
    )


def scalable_targets(autoscaling: "ApplicationAutoScalingClient", endpoint_name: str) -> list[tuple[str, str]]:
    """Return resource id and scalable dimension of each target of this endpoint's variant."""
    variant = f"endpoint/{endpoint_name}/variant/{contract.VARIANT_NAME}"
    pages = autoscaling.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace=_NAMESPACE, ResourceIds=[variant]
    )
    return [(target["ResourceId"], target["ScalableDimension"]) for page in pages for target in page["ScalableTargets"]]


def remove(clients: Clients, found: ServingResources, *, pauses: Pauses, say: Say) -> None:
    """Remove all of it: first what uses, then what is used. Raises RoadError when the endpoint does not go in time."""
    sagemaker = clients.sagemaker
    for resource, dimension in found.scalable_targets:
        target: Any = {"ServiceNamespace": _NAMESPACE, "ResourceId": resource, "ScalableDimension": dimension}
        _unless_gone(partial(clients.autoscaling.deregister_scalable_target, **target))
        say(f"removed: scalable target {resource}")
    if found.endpoint:
        _remove_endpoint(sagemaker, found.endpoint, pauses=pauses, say=say)
    for config in found.endpoint_configs:
        _unless_gone(partial(sagemaker.delete_endpoint_config, EndpointConfigName=config))
        say(f"removed: endpoint configuration {config}")
    for model in found.models:
        _unless_gone(partial(sagemaker.delete_model, ModelName=model))
        say(f"removed: model {model}")


def remove_all(clients: Clients, endpoint_name: str, *, pauses: Pauses, say: Say) -> None:
    """Look and remove until nothing of the endpoint is there. Raises RoadError when something keeps coming back."""
    for _ in range(ROUNDS):
        found = serving_resources(clients, endpoint_name)
        if not found.labels():
            return
        remove(clients, found, pauses=pauses, say=say)
    if left := serving_resources(clients, endpoint_name).labels():
        raise RoadError(f"somebody still makes {', '.join(left)}. End the deployments of {endpoint_name}, then retry")


def package_versions(sagemaker: "SageMakerClient", group: str) -> list[str]:
    """Return the ARN of every version in the group, as SageMaker spells it; none where there is no such group."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    try:
        arns = [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]
    except ClientError as error:
        if not is_gone(error):
            raise
        return []
    return [arn for arn in arns if parse_model_package_arn(arn).is_in_group(group)]


def remove_versions(sagemaker: "SageMakerClient", arns: Iterable[str], *, say: Say) -> None:
    """Remove versions from the registry: SageMaker deletes no group that holds any."""
    for arn in arns:
        _unless_gone(partial(sagemaker.delete_model_package, ModelPackageName=arn))
        say(f"removed: {arn}")


def running_builds(codebuild: Any, projects: Iterable[str]) -> list[str]:
    """Return the ids of the projects' builds that wait or run; a project that does not exist has none.

    The newest hundred of each project are looked at: a build takes hours at most.
    """
    return [build for project in projects for build in _running(codebuild, _newest(codebuild, project))]


def stop_builds(codebuild: Any, projects: Iterable[str], *, pauses: Pauses, say: Say) -> None:
    """Stop the projects' running builds and return when they have ended: they would make what was just removed.

    Raises RoadError when one goes on.
    """
    running = running_builds(codebuild, projects)
    for build in running:
        codebuild.stop_build(id=build)
        say(f"stopped: build {build}")
    for _ in pauses(STOP_SECONDS):
        running = _running(codebuild, running)
        if not running:
            return
    raise RoadError(f"build {running[0]} does not stop. Look at it in the console, then retry")


# --- the steps -------------------------------------------------------------------------------------------------------


def _remove_endpoint(sagemaker: "SageMakerClient", name: str, *, pauses: Pauses, say: Say) -> None:
    status = _wait(sagemaker, name, pauses(SETTLE_SECONDS), say, until=lambda status: status not in CHANGING)
    if status and status != DELETING:
        _unless_gone(lambda: sagemaker.delete_endpoint(EndpointName=name))
    _wait(sagemaker, name, pauses(GONE_SECONDS), say, until=lambda status: not status)
    say(f"removed: endpoint {name}")


def _wait(
    sagemaker: "SageMakerClient", name: str, pauses: Iterable[float], say: Say, *, until: Callable[[str], bool]
) -> str:
    """Return the endpoint's status once it is as wished; empty when there is none. Raises RoadError after the time."""
    shown = status = ""
    for waited in pauses:
        status = _status(sagemaker, name)
        if until(status):
            return status
        if status != shown:
            say(f"endpoint: {name} is {status} after {waited:.0f} s")
            shown = status
    raise RoadError(f"endpoint {name} is still {status} after the time allowed. Nothing else is lost: retry later")


def _status(sagemaker: "SageMakerClient", name: str) -> str:
    try:
        return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
    except ClientError as error:
        if not is_absent(error):
            raise
        return ""


def _named(sagemaker: "SageMakerClient", operation: Any, key: str, name_key: str, prefix: str) -> list[str]:
    """Return the names that begin with `prefix`: the service's own filter finds it anywhere in a name."""
    pages: Any = sagemaker.get_paginator(operation).paginate(NameContains=prefix)
    names = [str(each[name_key]) for page in pages for each in page[key]]
    return [name for name in names if name.startswith(prefix)]


def _newest(codebuild: Any, project: str) -> list[str]:
    try:
        return list(codebuild.list_builds_for_project(projectName=project, sortOrder="DESCENDING")["ids"])
    except ClientError as error:
        if error.response["Error"].get("Code") != _NO_PROJECT:
            raise
        return []


def _running(codebuild: Any, builds: list[str]) -> list[str]:
    described = codebuild.batch_get_builds(ids=builds)["builds"] if builds else []
    return [build["id"] for build in described if build["buildStatus"] == "IN_PROGRESS"]


def _unless_gone(delete: Callable[[], object]) -> None:
    try:
        delete()
    except ClientError as error:
        if not is_gone(error):
            raise
