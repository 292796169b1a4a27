"""What is scanned of one stack: the recorded program, and what its deploy step will ask SageMaker for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml import endpoint
from ml.endpoint_config import Release
from ml.endpoint_plan import EndpointPlan
from ml.registry import parse_model_package_arn
from tests.harness import ACCOUNT, REGION, Recorded, Registered
from tests.scan.plan import Planned

NOT_AWS = ("pulumi:providers:", "pulumi-python:")
"""Types that no scanner knows: the provider itself, and resources that the program makes by its own Python."""

# Method of the client -> the resource that it makes, and the parameter that is the resource's name.
_MADE = {
    "create_model": ("aws:sagemaker/model:Model", "ModelName"),
    "create_endpoint_config": ("aws:sagemaker/endpointConfiguration:EndpointConfiguration", "EndpointConfigName"),
    "create_endpoint": ("aws:sagemaker/endpoint:Endpoint", "EndpointName"),
}
# What Terraform calls by another word than the API.
_RENAMED = {"KmsKeyId": "kmsKeyArn"}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack to scan. `deployment` is what its deploy step makes."""

    name: str
    run: Recorded
    deployment: tuple[Planned, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """One policy document as JSON text, and what holds it. `trust` says that it is about who may assume a role."""

    holder: Planned
    text: str
    trust: bool


class RecordingSageMaker:
    """A client that has nothing yet, and keeps what it is asked to create."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("describe_"):
            return self._find_nothing
        if name in _MADE:
            return lambda **request: self._keep(name, request)
        raise AttributeError(f"the deploy step calls {name}; tests/scan/graph.py does not know how to scan that")

    def _find_nothing(self, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find it"}}, "Describe")

    def _keep(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append((name, request))
        return {}


def planned(run: Recorded) -> list[Planned]:
    """Return what a recorded program makes in AWS. Raises PlanError (in `plan`) for what no table knows."""
    by_urn = {one.urn: one for one in run.resources}
    return [_planned(one, by_urn) for one in run.resources if one.custom and not one.type.startswith(NOT_AWS)]


def deployed(run: Recorded) -> tuple[Planned, ...]:
    """Return what the deploy step of a recorded program will make, taken from the step's own first deployment."""
    variables = run.one("codebuild/project:Project", "deploy").inputs["environment"]["environmentVariables"]
    environment = {one["name"]: one["value"] for one in variables}
    group = environment["MODEL_PACKAGE_GROUP"]
    release = Release(
        plan=EndpointPlan.read(environment),
        model_package=parse_model_package_arn(f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{group}/1"),
        archive_sha256="0" * 64,
        execution_role_arn=environment["EXECUTION_ROLE_ARN"],
        execution="00000000-0000-4000-8000-000000000000",
        commit="0" * 40,
        requested=False,
    )
    client: Any = RecordingSageMaker()
    endpoint.put_model(client, release)
    endpoint.put_endpoint_config(client, release)
    endpoint.create(client, release, lambda _: iter((0.0,)))
    return tuple(as_planned(name, request) for name, request in client.requests)


def as_planned(name: str, request: Mapping[str, Any]) -> Planned:
    """Return one request to SageMaker as a resource; `name` is the client's method."""
    kind, name_parameter = _MADE[name]
    words = {**_RENAMED, name_parameter: "name"}
    properties = {words.get(key, _camel(key)): _converted(value) for key, value in request.items()}
    properties["tags"] = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    return Planned(key=kind, type=kind, name="deployed", inputs=properties)


def documents(run: Recorded) -> list[Document]:
    """Return every policy document of a recorded program."""
    found = []
    for one in planned(run):
        if "policy" in one.inputs:
            found.append(Document(holder=one, text=one.inputs["policy"], trust=False))
        if "assumeRolePolicy" in one.inputs:
            found.append(Document(holder=one, text=_with_resource(one), trust=True))
    return found


def _with_resource(one: Planned) -> str:
    """Return a trust policy with its role as the resource: IAM forbids naming it there, parliament demands it."""
    document = json.loads(one.inputs["assumeRolePolicy"])
    role = f"arn:aws:iam::{ACCOUNT}:role/{one.inputs['name']}"
    named = [{**statement, "Resource": role} for statement in document["Statement"]]
    return json.dumps({**document, "Statement": named})


def _planned(one: Registered, by_urn: Mapping[str, Registered]) -> Planned:
    references = {prop: urns for prop, urns in one.property_depends_on.items() if prop in one.inputs}
    for prop, value in one.inputs.items():
        if not references.get(prop) and isinstance(value, str):
            # ARNs are computed from names here: a value that holds the name of what it waits for refers to that.
            waited_for = [by_urn[urn] for urn in sorted(one.depends_on) if urn in by_urn]
            named = [other.urn for other in waited_for if _physical(other) and _physical(other) in value]
            if named:
                references[prop] = tuple(named)
    return Planned(key=one.urn, type=one.type, name=one.name, inputs=one.inputs, references=references)


def _physical(one: Registered) -> str:
    return str(one.inputs.get("name") or one.inputs.get("bucket") or "")


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


def _converted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel(key): _converted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_converted(item) for item in value]
    return value
