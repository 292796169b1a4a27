"""Turn each resource that the Pulumi program registers into API calls on the emulated cloud, and take them all back.

Pulumi's runtime asks a `Mocks` object where an engine would ask a provider. This one makes what it is asked for, as
the operator, and answers with the outputs that the provider computes. What it does not know it refuses: a type, a
property or an invoke that nobody mapped must stop a rehearsal, not be passed over. As an engine does, it keeps a state:
what exists already is adopted, changed in place where its type can be, and removed when the program no longer declares
it. Nothing is ever replaced.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from pulumi.runtime import mocks, rpc

from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.provision.aws_provider import PROVIDER_TYPE, AwsProvider
from rehearsal.provision.experiment import Experiment, RoleAction
from rehearsal.provision.maker import TYPES, Maker
from rehearsal.provision.monitor import Monitor
from rehearsal.provision.resource_types import Made, ProvisionError
from rehearsal.provision.state import Options, Resource, State, remembered

__all__ = ["Provisioned", "Provisioner", "RoleAction"]


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """One resource that now exists: its Pulumi type, its name in the program, its physical id."""

    type: str
    name: str
    id: str


class Provisioner(mocks.Mocks):
    """One stack of the program in the folder `project`; `without` takes one action out of one role's policies.

    `state` is what exists of the stack.

    Calls come from several threads. A failure is kept rather than raised, because an exception inside Pulumi's
    runtime leaves that runtime unusable for the rest of the process; `provision` raises the first one.
    """

    def __init__(
        self, cloud: Cloud, repositories: Repositories, *, project: Path, without: RoleAction | None = None
    ) -> None:
        self._cloud = cloud
        self._experiment = Experiment(cloud, without) if without else None
        self._maker = Maker(cloud, repositories, project=project, experiment=self._experiment)
        self.state = State()
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._monitor = Monitor(self)
        self._providers: dict[str, AwsProvider] = {}
        self._declared: dict[tuple[str, str], str] = {}
        self._failure: ProvisionError | None = None

    @property
    def made(self) -> tuple[Provisioned, ...]:
        """Everything that exists, in the order in which it was created."""
        with self._lock:
            existing = [each for each in self.state if each.custom and each.type != PROVIDER_TYPE]
        return tuple(Provisioned(type=each.type, name=each.name, id=each.id) for each in existing)

    # --- up ----------------------------------------------------------------------------------------------------------

    def provision(self, program: Callable[[Monitor], dict[str, Any]]) -> dict[str, Any]:
        """Run the program against the emulated cloud and return its outputs: `pulumi up`.

        May be repeated, after a failure too. Raises ProvisionError naming the first resource that could not be made,
        whatever the program made of it.
        """
        self._begin()
        try:
            outputs = program(self._monitor)
        finally:
            if self._failure is not None:
                raise self._failure
        if self._experiment and not self._experiment.took:
            without = self._experiment.without
            raise ProvisionError(f"no policy of {without.role} lists {without.action}")
        declared = set(self._declared.values())
        self._remove([resource for resource in self.state if resource.urn not in declared])
        return outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer an invoke of the provider."""
        account, region = self._cloud.account, self._cloud.region
        arn = f"arn:aws:iam::{account}:root"
        answers = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": account, "arn": arn, "userId": account},
            "aws:index/getRegion:getRegion": {"region": region, "name": region},
            "aws:index/getPartition:getPartition": {"partition": "aws", "dnsSuffix": "amazonaws.com"},
        }
        if args.token not in answers:
            self._fail(f"invoke {args.token} is not mapped. Answer it in rehearsal/provision/provisioner.py.", None)
            return {}, []
        return {"id": account, **answers[args.token]}, []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Make one resource, or adopt the one that exists; return its physical id and its outputs."""
        if self._failure is not None:
            return args.name, dict(args.inputs)
        try:
            made = self._register(args)
        except Exception as error:  # noqa: BLE001 - kept, and raised by `provision`
            said = as_aws_error(error) if isinstance(error, ClientError) else error
            self._fail(f"{args.typ} {args.name!r}: {said}", error)
            made = Made(id=args.name)
        return made.id, {**args.inputs, **made.outputs}

    def _register(self, args: mocks.MockResourceArgs) -> Made:
        options = self._monitor.options(args.typ, args.name)
        with self._lock:
            # Stricter than an engine, which tells equal names apart when the parents' types differ.
            if (args.typ, args.name) in self._declared:
                raise ProvisionError("declared twice")
            self._declared[args.typ, args.name] = options.urn
            existing, parent = self.state.get(options.urn), self.state.get(options.parent)
        values = self._values(args, options)
        made = self._maker.put(args.typ, args.name, values, existing) if args.custom else Made(id=args.name)
        # The engine lets children inherit this one, the language's own runtime does not.
        retain = options.retain_on_delete or (parent is not None and parent.options.retain_on_delete)
        resource = Resource(
            type=args.typ,
            name=args.name,
            custom=bool(args.custom),
            id=made.id,
            options=replace(options, retain_on_delete=retain),
            inputs=remembered(values),
            outputs=made.outputs,
        )
        with self._lock:
            self.state.put(resource)
            if args.typ == PROVIDER_TYPE:
                self._providers[options.urn] = self._maker.provider(values, name=args.name)
        return made

    def _values(self, args: mocks.MockResourceArgs, options: Options) -> dict[str, Any]:
        """Return the properties as AWS gets them: plain values, and with the provider's default tags."""
        values = {name: _plain(value) for name, value in args.inputs.items()}
        if args.typ not in TYPES:
            return values
        with self._lock:
            provider = self._providers.get(options.provider.rpartition("::")[0], AwsProvider())
        return provider.tagged(TYPES[args.typ], values)

    def _fail(self, text: str, cause: Exception | None) -> None:
        failure = ProvisionError(text)
        failure.__cause__ = cause
        with self._lock:
            self._failure = self._failure or failure

    # --- destroy -----------------------------------------------------------------------------------------------------

    def destroy(self, *, exclude_protected: bool = False) -> None:
        """Remove everything that was made, what needs others first: `pulumi destroy`, which runs no program.

        May be repeated, after a failure too. Raises ProvisionError, with nothing removed, when anything is protected;
        `exclude_protected` leaves the protected and what they need instead. A failure leaves what was not reached.
        """
        guarded = self.state.guarded() if exclude_protected else frozenset[str]()
        self._remove([resource for resource in self.state if resource.urn not in guarded])

    def _remove(self, condemned: Iterable[Resource]) -> None:
        in_order = [resource for wave in self.state.waves(condemned) for resource in wave]
        if kept := [resource.urn for resource in in_order if resource.options.protect]:
            raise ProvisionError(
                f"cannot be deleted because it is protected: {', '.join(sorted(kept))}. Remove the `protect` flag from "
                "the resource in your Pulumi program and run `pulumi up`, or use `pulumi state unprotect`"
            )
        profile = next((each.profile for each in self._providers.values() if each.profile), "")
        with contextlib.closing(self._maker.deleter()) as deleter:
            for resource in in_order:
                try:
                    self._maker.remove(resource, deleter, profile=profile)
                except (ClientError, ProvisionError) as error:
                    said = as_aws_error(error) if isinstance(error, ClientError) else error
                    raise ProvisionError(f"{resource.label} cannot be deleted: {said}") from error
                self.state.remove(resource)


def _plain(value: Any) -> Any:
    """Return the value with secrets unwrapped at every depth and whole numbers as int, as JSON gives them."""
    value = rpc.unwrap_rpc_secret(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
