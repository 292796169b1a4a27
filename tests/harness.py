"""Run the whole program against mocks that record each registration with its options and answer like the provider."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

from ml.stack_file import project_name, stack_config
from rehearsal.provision.program import run_program

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the program registered it. `inputs` are the provider's names (camel case)."""

    urn: str
    type: str
    name: str
    custom: bool
    inputs: dict[str, Any]
    parent: str
    protect: bool
    depends_on: frozenset[str]
    property_depends_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input -> URNs of the resources that its value was taken from."""
    provider: str = ""
    """URN of the provider that makes it; empty for the default provider and for components."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else was asked of the engine, by the engine's names, such as retainOnDelete: only what was set."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Everything that one run of the program registered, exported and warned of."""

    resources: tuple[Registered, ...]
    duplicates: tuple[str, ...]
    exports: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, type_name: str) -> list[Registered]:
        """Return the resources whose type ends in `type_name`, as "iam/role:Role" or "Role"."""
        return [one for one in self.resources if one.type.endswith((f":{type_name}", f"/{type_name}"))]

    def one(self, type_name: str, name_part: str = "") -> Registered:
        """Return the only resource of that type whose logical name holds `name_part`."""
        found = [one for one in self.of(type_name) if name_part in one.name]
        assert len(found) == 1, f"{len(found)} of {type_name} *{name_part}*: {[one.name for one in found]}"
        return found[0]

    def policies(self, role_name: str) -> dict[str, dict[str, Any]]:
        """Return the documents attached to a role, by physical policy name."""
        by_arn = {f"arn:aws:iam::{ACCOUNT}:policy/{p.inputs['name']}": p for p in self.of("Policy") if "iam/" in p.type}
        attached = [a.inputs["policyArn"] for a in self.of("RolePolicyAttachment") if a.inputs["role"] == role_name]
        return {by_arn[arn].inputs["name"]: json.loads(by_arn[arn].inputs["policy"]) for arn in attached}

    def statements(self, role_name: str) -> list[dict[str, Any]]:
        """Return every statement of a role's policies."""
        return [one for document in self.policies(role_name).values() for one in document["Statement"]]


class ProviderMocks(Mocks):
    """Answer with what the provider would compute from the inputs; in a preview, with the inputs alone.

    Refuses invokes that the program should not make.
    """

    def __init__(self, *, preview: bool = False) -> None:
        self._preview = preview

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT, "id": ACCOUNT},
            "aws:index/getRegion:getRegion": {"region": REGION, "id": REGION},
        }
        return answers[args.token], []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if not args.custom:
            return None, {}
        inputs = dict(args.inputs)
        if args.typ.startswith("pulumi:providers:"):
            return f"{args.name}-id", inputs
        if self._preview:
            return None, inputs
        name = str(
            inputs.get("name")
            or inputs.get("bucket")
            or inputs.get("repositoryName")
            or inputs.get("modelPackageGroupName")
            or args.name
        )
        service, kind = args.typ.split(":")[1].split("/")
        outputs = {"name": name, "arn": _arn(service, kind, name), **inputs}
        if kind == "key":
            outputs["keyId"] = name
        if kind == "queue":
            outputs["url"] = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        if kind == "repository":
            outputs["cloneUrlHttp"] = f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/{name}"
        return f"{name}-id", outputs


def _arn(service: str, kind: str, name: str) -> str:
    if service == "iam":
        return f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"
    if service == "s3":
        return f"arn:aws:s3:::{name}"
    rest = {"function": f"function:{name}", "eventRule": f"rule/{name}", "key": f"key/{name}"}.get(kind, name)
    service = {"lambda_": "lambda", "cloudwatch": "events"}.get(service, service)
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


class Recorder(MockMonitor):
    """The mock monitor, keeping each registration request and noticing a name that is registered twice."""

    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self.registered: dict[str, Registered] = {}
        self.duplicates: list[str] = []
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # as Pulumi has it
        with self._lock:
            if response.urn in self.registered:
                self.duplicates.append(response.urn)
            self.registered[response.urn] = Registered(
                urn=response.urn,
                type=request.type,
                name=request.name,
                custom=request.custom,
                inputs=json_format.MessageToDict(request.object),
                parent=request.parent,
                protect=request.protect,
                depends_on=frozenset(request.dependencies),
                property_depends_on={
                    name: tuple(sorted(taken_from.urns)) for name, taken_from in request.propertyDependencies.items()
                },
                # The engine's reference: the provider's URN, then its id.
                provider=request.provider.rpartition("::")[0],
                options=_options(request),
            )
        return response


_OPTIONS = (
    "retainOnDelete",
    "ignoreChanges",
    "deleteBeforeReplace",
    "aliasURNs",
    "aliases",
    "deletedWith",
    "customTimeouts",
)


def _options(request: Any) -> dict[str, Any]:
    said = json_format.MessageToDict(request)
    return {name: said[name] for name in _OPTIONS if said.get(name)}


def configured(stack: str, changes: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the stack file's configuration, changed by `changes` (keys as in a stack file), with full keys."""
    project = project_name(ROOT)
    config = stack_config(ROOT, stack)
    for key, value in (changes or {}).items():
        config[key if ":" in key else f"{project}:{key}"] = value if isinstance(value, str) else json.dumps(value)
    return config


def record(stack: str = "dev", changes: Mapping[str, Any] | None = None, *, preview: bool = False) -> Recorded:
    """Run the program with the stack file's configuration, changed by `changes` (keys as in a stack file)."""
    project, config = project_name(ROOT), configured(stack, changes)
    mocks = ProviderMocks(preview=preview)
    recorder = Recorder(mocks)
    warnings: list[str] = []
    # In a thread of its own: Pulumi writes down the call stack of each resource, and pytest is deep in it.
    with ThreadPoolExecutor(1) as thread:
        run = partial(run_program, ROOT, mocks, project=project, stack=stack, config=config, preview=preview)
        exports = thread.submit(run, monitor=recorder, tell=warnings.append).result()
    resources = sorted(recorder.registered.values(), key=lambda one: one.urn)
    return Recorded(
        resources=tuple(resources),
        duplicates=tuple(recorder.duplicates),
        exports=exports,
        warnings=tuple(warnings),
    )
