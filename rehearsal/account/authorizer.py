"""Hold every call to the policies of the role that makes it, and write each answered question down."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.sts.models import sts_backends

from rehearsal.account.authorization_place import Place
from rehearsal.account.authorization_rules import RULES
from rehearsal.account.calls import OPERATOR, AwsError, Call, Caller, Check, Journal, RoleSession
from rehearsal.account.iam import Decision, Policy, PolicyError, evaluate_together
from rehearsal.account.operations import Operation, Signature
from rehearsal.account.strict_s3 import Buckets
from rehearsal.account.strict_sns import Topics

PARTITION = "aws"
"""Key of what is global in an account, in moto's tables, and the first word of its ARNs."""


@dataclass(frozen=True, kw_only=True)
class Authorizer:
    """The account's IAM as the rehearsal's calls meet it."""

    account: str
    region: str
    operator_key: str
    journal: Journal
    buckets: Buckets
    topics: Topics
    lower_case_packages: bool

    def caller(self, signature: Signature) -> Caller:
        """Return the role behind an access key, or the operator. Raises AwsError for a key that nobody gave out."""
        if signature.access_key_id == self.operator_key:
            return OPERATOR
        session = sts_backends[self.account][PARTITION].get_assumed_role_from_access_key(signature.access_key_id)
        if session is None:
            text = "The security token included in the request is invalid."
            raise AwsError("UnrecognizedClientException", text, HTTPStatus.FORBIDDEN)
        return RoleSession(str(session.role_arn).rpartition("/")[2], str(session.session_name))

    def authorize(self, caller: Caller, operation: Operation, region: str) -> None:
        """Put an operation's questions to IAM, in order. Raises AwsError at the first that is denied."""
        name = f"{operation.service}:{operation.name}"
        if caller == OPERATOR:
            self._record(caller, Check(action=name, resource="*"), True, "not evaluated", operation.name)
            return
        if name not in RULES:
            reason = f"rehearsal/account/authorization_rules.py has no row for {name}"
            self._record(caller, Check(action=name, resource="*"), False, reason, operation.name)
            raise AwsError("AccessDeniedException", reason, HTTPStatus.FORBIDDEN)
        place = Place(
            account=self.account,
            region=region,
            storage=self.buckets,
            topics=self.topics,
            lower_case_packages=self.lower_case_packages,
        )
        for check in RULES[name](operation.params, place):
            self.ask(caller, check, via=operation.name)

    def ask(self, role_name: Caller, check: Check, *, via: str) -> None:
        """Ask IAM one question for a role and record the answer. Raises AwsError when it is denied."""
        decision = self.decide(role_name, check)
        self._record(role_name, check, decision.allowed, decision.reason, via)
        if not decision.allowed:
            user = f"arn:{PARTITION}:sts::{self.account}:assumed-role/{role_name}"
            text = f"User: {user} is not authorized to perform: {check.action} on resource: {check.resource}"
            raise AwsError("AccessDeniedException", f"{text} because {decision.reason}", HTTPStatus.FORBIDDEN)

    def _record(self, principal: Caller, check: Check, allowed: bool, reason: str, via: str) -> None:
        self.journal.record(Call(principal=principal, check=check, allowed=allowed, reason=reason, via=via))

    def decide(self, role_name: Caller, check: Check) -> Decision:
        """Return what the role's policies and the resource's own policy say together."""
        role = self.role(role_name)
        whole = replace(check, context={**self._global_context(role.arn, check.resource), **check.context})
        return evaluate_together(_policies_of(role), self._policy_of(check.resource), role.arn, whole)

    def _global_context(self, role_arn: str, resource: str) -> Mapping[str, str]:
        parts = resource.split(":")
        owner = parts[4] if len(parts) > 5 and parts[4] else self.account
        return {
            "aws:PrincipalArn": role_arn,
            "aws:PrincipalAccount": self.account,
            "aws:ResourceAccount": owner,
            "aws:RequestedRegion": self.region,
            "aws:SecureTransport": "true",
        }

    def _policy_of(self, resource: str) -> Policy | None:
        """Return the policy that the resource itself carries; buckets, topics and keys are asked by way of a role."""
        kind, rest = resource.split(":")[2:3], resource.split(":")[-1]
        if kind == ["s3"]:
            return self.buckets.policy(rest.partition("/")[0])
        if kind == ["sns"]:
            return self.topics.policy(resource)
        keys = kms_backends[self.account][self.region].keys
        key_id = rest.removeprefix("key/")
        if kind == ["kms"] and key_id in keys:
            return Policy(name=f"policy of {rest}", document=json.loads(keys[key_id].policy))
        return None

    def role(self, name_or_arn: str) -> Any:
        """Return moto's role. Raises AwsError when the account has none of that name or ARN."""
        for role in iam_backends[self.account][PARTITION].get_roles():
            if name_or_arn in (role.arn, role.name):
                return role
        raise AwsError("AccessDenied", f"there is no role {name_or_arn}", HTTPStatus.FORBIDDEN)

    def policies(self) -> dict[str, list[Policy]]:
        """Return the identity policies of every role of the account, by the role's name."""
        return {role.name: _policies_of(role) for role in iam_backends[self.account][PARTITION].get_roles()}


def _policies_of(role: Any) -> list[Policy]:
    if role.permissions_boundary:
        raise PolicyError(f"role {role.name}: permissions boundaries are not modelled")
    inline = [Policy(name=name, document=json.loads(text)) for name, text in role.policies.items()]
    attached = [
        Policy(name=policy.name, document=json.loads(version.document))
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return inline + attached
