"""Put an approved model on its endpoint: model, configuration, endpoint, wait, proof. Every step may be repeated."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract
from ml.errors import InputError, RoadError
from ml.gate import one_line
from ml.registry import ModelPackageArn

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

Pauses = Callable[[float], Iterable[float]]
"""Seconds allowed -> seconds waited so far, once for each look (`registry.growing_pauses`)."""

SETTLE_SECONDS = 900
"""For a change by somebody else to end before ours begins."""
IN_SERVICE_SECONDS = 1200
"""For ours, and again for the way back: all three fit into the build's hour."""
VISIBLE_SECONDS = 15
"""A new configuration may be invisible to CreateEndpoint and UpdateEndpoint for a moment (SageMaker API reference)."""
STALE_SECONDS = 30
"""How long an accepted update may still look as if it had not begun."""

CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}")
SAME_PROBABILITY = 1e-9
"""Another processor may add the trees' votes with another last bit."""


class ProofError(RoadError):
    """The endpoint is in service but does not answer as the model did when it was packed."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """What one deployment puts on the endpoint."""

    endpoint_name: str
    model_package: ModelPackageArn
    archive_sha256: str
    execution_role_arn: str
    instance_type: str
    instance_count: int
    tags: Mapping[str, str]

    @property
    def model_name(self) -> str:
        """The SageMaker model's name: the same whenever this version is deployed. Raises InputError when too long."""
        version = f"v{self.model_package.version}-{self.archive_sha256[:8]}"
        return _name(f"{self.endpoint_name}{contract.VERSION_SEPARATOR}{version}")

    def config_name(self, unique: str) -> str:
        """Return the name of a new configuration; an update needs one that was never used."""
        return _name(f"{self.model_name}-{unique}")


def put_model(sagemaker: "SageMakerClient", release: Release) -> str:
    """Create the model, or find the equal one that an earlier try made, and return its name."""
    name = release.model_name
    try:
        found: Mapping[str, Any] = sagemaker.describe_model(ModelName=name)
    except ClientError as error:
        if not _is_absent(error):
            raise
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=release.execution_role_arn,
            Containers=[{"ModelPackageName": release.model_package.text}],
            EnableNetworkIsolation=True,
            Tags=_tags(release.tags),
        )
        return name
    container = (found.get("Containers") or [found.get("PrimaryContainer", {})])[0]
    same_package = str(container.get("ModelPackageName")).lower() == release.model_package.text.lower()
    if not same_package or found["ExecutionRoleArn"] != release.execution_role_arn:
        raise RoadError(
            f"model {name} exists with another package or role. Remove it:"
            f" aws sagemaker delete-model --model-name {name}, then retry the stage"
        )
    return name


def put_endpoint_config(sagemaker: "SageMakerClient", release: Release, unique: str) -> str:
    """Create a configuration of one variant and return its name."""
    name = release.config_name(unique)
    variant: Any = {
        "VariantName": contract.VARIANT_NAME,
        "ModelName": release.model_name,
        "InstanceType": release.instance_type,
        "InitialInstanceCount": release.instance_count,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=_tags(release.tags))
    return name


def put_endpoint(
    sagemaker: "SageMakerClient", name: str, config: str, *, tags: Mapping[str, str], pauses: Pauses
) -> str | None:
    """Create the endpoint with `config`, or update it, and return the configuration that it had before.

    Waits until a change by somebody else has ended. Raises RoadError when the endpoint cannot be updated.
    """
    found = _settled(sagemaker, name, pauses(SETTLE_SECONDS))
    if found is None:
        _when_visible(
            lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=_tags(tags)), pauses
        )
        return None
    if found["EndpointStatus"] != "InService":
        raise RoadError(
            f"endpoint {name} is {found['EndpointStatus']}: {_cause(found)}. SageMaker cannot update it; remove it:"
            f" aws sagemaker delete-endpoint --endpoint-name {name}, then retry the stage"
        )
    _when_visible(lambda: sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config), pauses)
    return str(found["EndpointConfigName"])


def wait_in_service(
    sagemaker: "SageMakerClient", name: str, config: str, *, pauses: Pauses, say: Callable[[str], None]
) -> None:
    """Return once the endpoint serves `config`. Raises RoadError when it does not, however healthy it looks.

    After a failed update SageMaker puts the old configuration back and reports InService, so that alone is no success.
    """
    shown, changed = "", False
    for waited in pauses(IN_SERVICE_SECONDS):
        found = sagemaker.describe_endpoint(EndpointName=name)
        status, serving = found["EndpointStatus"], found["EndpointConfigName"]
        if status != shown:
            say(f"endpoint: {name} is {status} after {waited:.0f} s")
            shown = status
        if status in CHANGING:
            changed = True
        elif status != "InService":
            raise RoadError(
                f"endpoint {name} is {status}: {_cause(found)}. See its log, /aws/sagemaker/Endpoints/{name};"
                f" remove it: aws sagemaker delete-endpoint --endpoint-name {name}, then retry the stage"
            )
        elif serving == config:
            return
        elif changed or found.get("FailureReason") or waited >= STALE_SECONDS:
            raise RoadError(
                f"endpoint {name} rolled back: it serves {serving} again, not {config}: {_cause(found)}."
                f" See its log, /aws/sagemaker/Endpoints/{name}"
            )
    raise RoadError(f"endpoint {name} is still {shown} after the time allowed. Retry the stage; it goes on from there")


def prove(runtime: "SageMakerRuntimeClient", name: str, golden: Mapping[str, Any]) -> None:
    """Send the golden records to the endpoint. Raises ProofError unless it answers as the model did when packed."""
    try:
        response = runtime.invoke_endpoint(
            EndpointName=name,
            ContentType="application/json",
            Accept="application/json",
            Body=json.dumps({"instances": golden["instances"]}).encode(),
        )
        answers = json.loads(response["Body"].read())["predictions"]
    except ClientError as error:
        cause = error.response["Error"]
        text = one_line(f"{cause.get('Code')}: {cause.get('Message')}", 200)
        raise ProofError(f"endpoint {name} does not answer the golden records: {text}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProofError(f"endpoint {name} answers the golden records with something else than predictions") from error
    wanted = golden["predictions"]
    if not isinstance(answers, list) or len(answers) != len(wanted) or not all(map(_is_same, answers, wanted)):
        found, expected = one_line(repr(answers), 120), one_line(repr(wanted), 120)
        raise ProofError(f"endpoint {name} predicts {found} for the golden records, not {expected}")


def _is_same(answer: Any, wanted: Mapping[str, Any]) -> bool:
    if not isinstance(answer, dict) or answer.get("label") != wanted["label"]:
        return False
    found, expected = (p if isinstance(p, list) else [p] for p in (answer.get("probability"), wanted["probability"]))
    return len(found) == len(expected) and all(
        isinstance(a, float | int) and math.isclose(a, b, rel_tol=0.0, abs_tol=SAME_PROBABILITY)
        for a, b in zip(found, expected, strict=True)
    )


def _settled(sagemaker: "SageMakerClient", name: str, pauses: Iterable[float]) -> Mapping[str, Any] | None:
    """Return the endpoint once nobody is changing it, or None when there is none."""
    for _ in pauses:
        try:
            found = sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        if found["EndpointStatus"] not in CHANGING:
            return found
    raise RoadError(
        f"endpoint {name} is being changed by somebody else for too long. Wait for it, then retry the stage"
    )


def _when_visible(call: Callable[[], object], pauses: Pauses) -> None:
    """Make `call`, again and again while SageMaker does not see the configuration that was just created."""
    for _ in pauses(VISIBLE_SECONDS):
        try:
            call()
        except ClientError as error:
            if not _is_absent(error):
                raise
        else:
            return
    call()


def _is_absent(error: ClientError) -> bool:
    """SageMaker has no code of its own for an absent model, configuration or endpoint: the message tells."""
    cause = error.response["Error"]
    return cause.get("Code") == "ValidationException" and "could not find" in cause.get("Message", "").lower()


def _cause(found: Mapping[str, Any]) -> str:
    return one_line(found.get("FailureReason") or "SageMaker gives no reason", 300)


def _tags(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name that SageMaker accepts (63 letters, digits, hyphens). Shorten the endpoint's"
        )
    return name
