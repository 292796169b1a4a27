"""The vocabulary of access: statements as data, documents as text, and the role that carries them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pulumi
import pulumi_aws as aws

Statement: TypeAlias = dict[str, Any]
"""One statement of a policy, as IAM reads it; its Sid says what it grants."""

Resources: TypeAlias = str | Sequence[pulumi.Input[str]]

Condition: TypeAlias = Mapping[str, Mapping[str, str | list[str]]]
"""Operator -> condition key -> accepted values."""

_VERSION = "2012-10-17"

DISKS = "disks"
"""No service: a grant for the disks of a machine, which AWS itself asks for (KMS developer guide, Using IAM policies
with grants)."""


def allow(sid: str, actions: Sequence[str], on: Resources, when: Condition | None = None) -> Statement:
    """Return a statement that allows `actions` on the resources `on`, under the condition `when`."""
    return _statement("Allow", sid, actions, on, when)


def deny(sid: str, actions: Sequence[str], on: Resources, when: Condition | None = None) -> Statement:
    """Return a statement that forbids `actions` on the resources `on`, whatever else allows them."""
    return _statement("Deny", sid, actions, on, when)


def document(statements: Sequence[Statement]) -> str:
    """Return the policy document as JSON text without a blank: AWS counts characters."""
    return json.dumps({"Version": _VERSION, "Statement": list(statements)}, separators=(",", ":"))


def trust(service: str, *, account: str, source_arn: str | None) -> str:
    """Return the trust policy by which `service` may assume a role on behalf of one resource of this account.

    Without `source_arn` the service alone is named: for a service that is not documented to send the source.
    """
    statement: Statement = {
        "Sid": "ServiceMayAssume",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if source_arn is not None:
        statement["Condition"] = {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": source_arn},
        }
    return document([statement])


def key_document(key_arn: pulumi.Input[str], use: Mapping[str, Sequence[str]], *, region: str) -> pulumi.Output[str]:
    """Return the policy by which a role may use the key: for each service, the actions allowed through it alone."""
    statements = [
        allow("LetDisksUseKey", actions, [key_arn], {"Bool": {"kms:GrantIsForAWSResource": "true"}})
        if service == DISKS
        else allow(
            f"UseKeyThrough{service.capitalize()}",
            actions,
            [key_arn],
            {"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}},
        )
        for service, actions in use.items()
    ]
    return pulumi.Output.json_dumps({"Version": _VERSION, "Statement": statements})


@dataclass(frozen=True, kw_only=True)
class ServiceRoleArgs:
    """A role, who may assume it, and what it may do. `key_policy` is for roles that read or write encrypted objects."""

    role_name: str
    description: str
    trust_policy: str
    policy: str
    key_policy: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class Role:
    """What others need to know of a role. Whoever runs as it must depend on `grants`."""

    arn: pulumi.Input[str]
    grants: Sequence[aws.iam.RolePolicyAttachment]
    """The policy attachments: before they exist the role can be assumed and is allowed nothing."""


class ServiceRole(pulumi.ComponentResource):
    """A role with its customer-managed policies."""

    role: Role

    def __init__(self, name: str, args: ServiceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:ServiceRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role_name,
            description=args.description,
            assume_role_policy=args.trust_policy,
            opts=child,
        )
        documents: dict[str, pulumi.Input[str]] = {"access": args.policy}
        if args.key_policy is not None:
            documents["key"] = args.key_policy
        grants = []
        for kind, text in documents.items():
            policy = aws.iam.Policy(f"{name}-{kind}-policy", name=f"{args.role_name}-{kind}", policy=text, opts=child)
            grants.append(
                aws.iam.RolePolicyAttachment(
                    f"{name}-{kind}-attachment", role=role.name, policy_arn=policy.arn, opts=child
                )
            )
        self.role = Role(arn=role.arn, grants=grants)
        self.register_outputs({"arn": role.arn})


def _statement(effect: str, sid: str, actions: Sequence[str], on: Resources, when: Condition | None) -> Statement:
    resources = [on] if isinstance(on, str) else list(on)
    statement: Statement = {"Sid": sid, "Effect": effect, "Action": list(actions), "Resource": resources}
    return {**statement, "Condition": when} if when else statement
