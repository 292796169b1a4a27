"""Turn each resource that the Pulumi program registers into API calls on the emulated cloud.

Pulumi's runtime asks a `Mocks` object where an engine would ask a provider. This one creates what it is asked for, as
the operator, and answers with the outputs that the provider computes. What it does not know it refuses: a type, a
property or an invoke that nobody mapped must stop a rehearsal, not be passed over. There is no engine, hence no update,
no replacement, no destroy and no default tags.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pulumi.runtime import mocks, rpc

from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.provision import (
    resource_types_code,
    resource_types_events,
    resource_types_iam,
    resource_types_lambda,
    resource_types_s3,
    resource_types_sagemaker,
)
from rehearsal.provision.resource_types import Inputs, Made, ProvisionError, ResourceType, Workbench

TYPES: Mapping[str, ResourceType] = {
    **resource_types_code.TYPES,
    **resource_types_events.TYPES,
    **resource_types_iam.TYPES,
    **resource_types_lambda.TYPES,
    **resource_types_s3.TYPES,
    **resource_types_sagemaker.TYPES,
}
_PROVIDER = "pulumi:providers:aws"
_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """One resource that now exists: its Pulumi type, its name in the program, its physical id."""

    type: str
    name: str
    id: str


@dataclass(frozen=True, kw_only=True)
class RoleAction:
    """An action, as the policies of a role spell it, that an experiment takes from that role (by its name)."""

    role: str
    action: str


class Provisioner(mocks.Mocks):
    """Creates the program's resources in `cloud`; `without` takes one action out of one role's policies.

    Calls come from several threads. A failure is kept rather than raised, because an exception inside Pulumi's
    runtime leaves that runtime unusable for the rest of the process; `provision` raises the first one.
    """

    def __init__(self, cloud: Cloud, repositories: Repositories, *, without: RoleAction | None = None) -> None:
        self._cloud = cloud
        self._bench = Workbench(cloud=cloud, repositories=repositories)
        self._without = without
        self._taken = 0
        self._lock = threading.Lock()
        self._declared: set[tuple[str, str]] = set()
        self._made: list[Provisioned] = []
        self._failure: ProvisionError | None = None

    @property
    def made(self) -> tuple[Provisioned, ...]:
        """Everything that was created, in that order."""
        with self._lock:
            return tuple(self._made)

    def provision(self, program: Callable[[mocks.Mocks], dict[str, Any]]) -> dict[str, Any]:
        """Run the program against the emulated cloud and return its outputs.

        Raises ProvisionError naming the first resource that could not be made, whatever the program made of it.
        """
        try:
            outputs = program(self)
        finally:
            if self._failure is not None:
                raise self._failure
        if self._without is not None and not self._taken:
            raise ProvisionError(f"no policy of {self._without.role} lists {self._without.action}")
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
        """Create one resource; return its physical id and its outputs."""
        if self._failure is not None:
            return args.name, dict(args.inputs)
        try:
            made = self._create(args)
        except Exception as error:  # noqa: BLE001 - kept, and raised by `provision`
            said = as_aws_error(error) if isinstance(error, ClientError) else error
            self._fail(f"{args.typ} {args.name!r}: {said}", error)
            made = Made(id=args.name)
        return made.id, {**args.inputs, **made.outputs}

    def _create(self, args: mocks.MockResourceArgs) -> Made:
        with self._lock:
            # Stricter than an engine, which tells equal names apart when the parents' types differ.
            if (args.typ, args.name) in self._declared:
                raise ProvisionError("declared twice")
            self._declared.add((args.typ, args.name))
        if not args.custom:
            return Made(id=args.name)
        values = {name: _plain(value) for name, value in args.inputs.items()}
        if args.typ == _PROVIDER:
            self._check_place(values)
            return Made(id=args.name)
        if args.typ not in TYPES:
            raise ProvisionError("nothing here makes this type. Add it to a rehearsal/provision/resource_types_*.py.")
        self._check_place(values)
        values.pop("region", None)
        if args.typ == _ATTACHMENT and self._without and self._without.role == values["role"]:
            made = self._attach_without(values["role"], values["policyArn"], self._without.action)
        else:
            made = TYPES[args.typ].make(self._bench, Inputs(values, logical_name=args.name))
        with self._lock:
            self._made.append(Provisioned(type=args.typ, name=args.name, id=made.id))
        return made

    def _check_place(self, values: Mapping[str, Any]) -> None:
        region = values.get("region", self._cloud.region)
        if region != self._cloud.region:
            raise ProvisionError(f"is meant for {region}; only {self._cloud.region} is emulated")

    def _attach_without(self, role: str, policy_arn: str, action: str) -> Made:
        """Attach a copy of the policy that lacks the action; a policy of nothing else is not attached at all."""
        iam = self._cloud.client("iam")
        policy = iam.get_policy(PolicyArn=policy_arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=policy_arn, VersionId=policy["DefaultVersionId"])
        document = version["PolicyVersion"]["Document"]
        statements = [_lacking(statement, action) for statement in document["Statement"]]
        with self._lock:
            self._taken += statements != document["Statement"]
        if left := [statement for statement in statements if statement["Action"]]:
            poorer = json.dumps({**document, "Statement": left})
            copy = iam.create_policy(PolicyName=f"{policy['PolicyName']}-without", PolicyDocument=poorer)
            iam.attach_role_policy(RoleName=role, PolicyArn=copy["Policy"]["Arn"])
        return Made(id=f"{role}/{policy_arn}")

    def _fail(self, text: str, cause: Exception | None) -> None:
        failure = ProvisionError(text)
        failure.__cause__ = cause
        with self._lock:
            self._failure = self._failure or failure


def _lacking(statement: dict[str, Any], action: str) -> dict[str, Any]:
    listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    if statement["Effect"] != "Allow" or action not in listed:
        return statement
    return {**statement, "Action": [each for each in listed if each != action]}


def _plain(value: Any) -> Any:
    """Return the value with secrets unwrapped at every depth and whole numbers as int, as JSON gives them."""
    value = rpc.unwrap_rpc_secret(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
