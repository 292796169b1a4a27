"""Send to SageMaker what a release needs, and wait: model, configuration, endpoint. Every step may be repeated."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import endpoint_config
from ml.endpoint_config import Release
from ml.endpoint_wait import Say, Wait
from ml.errors import RoadError
from ml.gate import one_line

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

Pauses = Callable[[float], Iterable[float]]
"""Seconds allowed -> seconds waited so far, once for each look (`registry.growing_pauses`)."""

SETTLE_SECONDS = 1200
"""For a change by somebody else to end before ours begins, beside the time for which it is watched."""
ROLL_BACK_SECONDS = 600
"""For SageMaker to take an update back once the time that it has for it is up."""
REMOVAL_SECONDS = 300
VISIBLE_SECONDS = 15
"""A new configuration may be invisible to CreateEndpoint and UpdateEndpoint for a moment (SageMaker API reference)."""
STALE_SECONDS = 30
"""How long an accepted update may still look as if it had not begun."""

IN_SERVICE = "InService"
FAILED = "Failed"
DELETING = "Deleting"
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
ROLLBACK_FAILED = "UpdateRollbackFailed"
BROKEN = frozenset({FAILED, ROLLBACK_FAILED, "OutOfService"})
"""Nothing ends these but a person, or the next release."""


class FailedError(RoadError):
    """The endpoint is Failed: nothing serves, and SageMaker takes nothing but its deletion (API reference)."""


class RolledBackError(RoadError):
    """SageMaker took the update back: the endpoint serves what it served before."""


# --- model and configuration -----------------------------------------------------------------------------------------


def put_model(sagemaker: "SageMakerClient", release: Release) -> str:
    """Create the model, or find the equal one that an earlier try made, and return its name."""
    name = release.model_name
    try:
        found: Mapping[str, Any] = sagemaker.describe_model(ModelName=name)
    except ClientError as error:
        if not is_absent(error):
            raise
        sagemaker.create_model(**endpoint_config.model_request(release))
        return name
    container = (found.get("Containers") or [found.get("PrimaryContainer", {})])[0]
    same_package = str(container.get("ModelPackageName")).lower() == release.model_package.text.lower()
    isolated = bool(found.get("EnableNetworkIsolation"))
    if (
        not same_package
        or found["ExecutionRoleArn"] != release.execution_role_arn
        or isolated == release.plan.serverless
    ):
        raise RoadError(
            f"model {name} exists with another package, role or network. Remove it:"
            f" aws sagemaker delete-model --model-name {name}, then retry the stage"
        )
    return name


def put_endpoint_config(sagemaker: "SageMakerClient", release: Release) -> str:
    """Create the configuration, or find the equal one that an earlier try made, and return its name."""
    name = release.config_name
    try:
        found: Mapping[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        if not is_absent(error):
            raise
        sagemaker.create_endpoint_config(**endpoint_config.endpoint_config_request(release))
        return name
    if not endpoint_config.same_variant(found, release):
        raise RoadError(
            f"endpoint configuration {name} exists with another variant. Remove it:"
            f" aws sagemaker delete-endpoint-config --endpoint-config-name {name}, then retry the stage"
        )
    return name


# --- endpoint --------------------------------------------------------------------------------------------------------


def settled(sagemaker: "SageMakerClient", wait: Wait, pauses: Pauses) -> Mapping[str, Any] | None:
    """Return the endpoint once nobody is changing it, or None when there is none. Raises RoadError when time is up."""
    for waited in pauses(wait.seconds):
        try:
            found = sagemaker.describe_endpoint(EndpointName=wait.name)
        except ClientError as error:
            if is_absent(error):
                return None
            raise
        if found["EndpointStatus"] not in CHANGING | {DELETING}:
            return found
        wait.see(found, waited)
    raise RoadError(
        f"endpoint {wait.name} is being changed by somebody else for too long. Wait for it, then retry the stage"
    )


def create(sagemaker: "SageMakerClient", release: Release, pauses: Pauses) -> None:
    """Begin to create the endpoint."""
    request = endpoint_config.create_request(release)
    when_visible(lambda: sagemaker.create_endpoint(**request), pauses)


def update(sagemaker: "SageMakerClient", request: Mapping[str, Any], pauses: Pauses) -> None:
    """Begin to update the endpoint as `request`, the parameters of UpdateEndpoint, says."""
    when_visible(lambda: sagemaker.update_endpoint(**request), pauses)


def has_begun(sagemaker: "SageMakerClient", name: str, config: str) -> bool:
    """Return whether the endpoint is on its way to `config` although the call for it was refused.

    boto3 repeats a call whose answer was lost, and then the change that the lost one began refuses the next.
    """
    try:
        found = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if not is_absent(error):
            raise
        return False
    return found["EndpointStatus"] in CHANGING or found["EndpointConfigName"] == config


def remove(sagemaker: "SageMakerClient", name: str, *, pauses: Pauses, say: Say) -> None:
    """Delete the endpoint and return once it is gone. Raises RoadError when it stays."""
    try:
        sagemaker.delete_endpoint(EndpointName=name)
    except ClientError as error:
        if not is_absent(error):
            raise
    if settled(sagemaker, Wait(name=name, seconds=REMOVAL_SECONDS, say=say), pauses) is not None:
        raise RoadError(f"endpoint {name} could not be removed. Look at it in the console, then retry the stage")


def wait_in_service(sagemaker: "SageMakerClient", config: str, wait: Wait, *, old_reason: str, pauses: Pauses) -> None:
    """Return once the endpoint serves `config`. Raises RoadError when it does not in time, however healthy it looks.

    An update that SageMaker has taken back ends in service as well, with the old configuration: RolledBackError.
    `old_reason` is the FailureReason from before the update: it stays until the update shows.
    """
    name, changed = wait.name, False
    for waited in pauses(wait.seconds):
        found = sagemaker.describe_endpoint(EndpointName=name)
        status, serving = found["EndpointStatus"], found["EndpointConfigName"]
        wait.see(found, waited)
        if status in CHANGING:
            changed = True
        elif status != IN_SERVICE:
            raise broken(found)
        elif serving == config:
            return
        elif changed or found.get("FailureReason", "") not in ("", old_reason) or waited >= STALE_SECONDS:
            raise RolledBackError(
                f"endpoint {name} rolled back: it serves {serving} again, not {config}: {_cause(found)}."
                f" See its log, {_log(name)}"
            )
    raise RoadError(
        f"endpoint {name} is still {wait.status} after the time allowed. Retry the stage; it goes on from there"
    )


def broken(found: Mapping[str, Any]) -> RoadError:
    """Return what to say of an endpoint that is neither in service nor being changed."""
    name, status = found["EndpointName"], found["EndpointStatus"]
    text = f"endpoint {name} is {status}: {_cause(found)}. See its log, {_log(name)}"
    if status == FAILED:
        return FailedError(f"{text}, then push a repaired model or retry the stage")
    if status == ROLLBACK_FAILED:
        # Both fleets serve: to delete it would end the good one as well.
        return RoadError(
            f"{text}. It serves a mix of the old and the new configuration: follow SageMaker's guide,"
            ' "Use rolling deployments", before anything else is deployed'
        )
    return RoadError(f"{text}; remove it: aws sagemaker delete-endpoint --endpoint-name {name}, then retry the stage")


# --- what the steps share --------------------------------------------------------------------------------------------


def when_visible(call: Callable[[], object], pauses: Pauses, *, codes: frozenset[str] = frozenset()) -> None:
    """Make `call`, again and again while AWS does not see what was just created; `codes` say so in other services."""
    for _ in pauses(VISIBLE_SECONDS):
        try:
            call()
        except ClientError as error:
            if not is_absent(error) and error.response["Error"].get("Code") not in codes:
                raise
        else:
            return
    call()


def is_absent(error: ClientError) -> bool:
    """SageMaker has no code of its own for an absent model, configuration or endpoint: the message tells."""
    cause = error.response["Error"]
    return cause.get("Code") == "ValidationException" and "could not find" in cause.get("Message", "").lower()


def _cause(found: Mapping[str, Any]) -> str:
    return one_line(found.get("FailureReason") or "SageMaker gives no reason", 300).rstrip(".")


def _log(name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{name}"
