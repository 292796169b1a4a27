"""An experiment: the same program with one action taken from one role, to see what stops."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.account.cloud import Cloud

_COPY = "-without"


@dataclass(frozen=True, kw_only=True)
class RoleAction:
    """An action, as the policies of a role spell it, that an experiment takes from that role (by its name)."""

    role: str
    action: str


class Experiment:
    """Attaches to one role copies of its policies that lack the action. Safe to use from any thread."""

    def __init__(self, cloud: Cloud, without: RoleAction) -> None:
        self.without = without
        self._cloud = cloud
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def took(self) -> bool:
        """Whether any policy listed the action."""
        with self._lock:
            return self._taken > 0

    def attach(self, policy_arn: str) -> None:
        """Attach a copy of the policy that lacks the action; a policy of nothing else is not attached at all."""
        iam = self._cloud.client("iam")
        policy = iam.get_policy(PolicyArn=policy_arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=policy_arn, VersionId=policy["DefaultVersionId"])
        document = version["PolicyVersion"]["Document"]
        statements = [_lacking(statement, self.without.action) for statement in document["Statement"]]
        with self._lock:
            self._taken += statements != document["Statement"]
        if left := [statement for statement in statements if statement["Action"]]:
            poorer = json.dumps({**document, "Statement": left})
            copy = iam.create_policy(PolicyName=f"{policy['PolicyName']}{_COPY}", PolicyDocument=poorer)
            iam.attach_role_policy(RoleName=self.without.role, PolicyArn=copy["Policy"]["Arn"])


def copy_arn(policy_arn: str) -> str:
    """Return the ARN that an experiment's copy of this policy has."""
    return f"{policy_arn}{_COPY}"


def _lacking(statement: Mapping[str, Any], action: str) -> Mapping[str, Any]:
    listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    if statement["Effect"] != "Allow" or action not in listed:
        return statement
    return {**statement, "Action": [each for each in listed if each != action]}
