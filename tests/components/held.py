"""What is held by the roles of stacks that stand side by side in one account, and how AWS would answer them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from components.names import Names
from components.roles import ROLES
from components.settings import Settings
from rehearsal.account.calls import Check
from rehearsal.account.iam import Decision, Policy, evaluate_together
from tests.components.watched import KEY_ARN
from tests.harness import ACCOUNT, REGION, Recorded

SUFFIXES = ("", "-prod", "-x")
EVERY_ROLE: Mapping[str, Mapping[str, Any]] = {
    "approval": {"mode": "both"},
    "endpoint": {"instanceCount": 2, "maxInstanceCount": 4, "traffic": "canary"},
    "training": {"engine": "sagemaker", "dataUri": "s3://rows/customers.csv"},
    "audit": {"trail": True},
}
"""Settings under which every role of the table exists and holds as much as it ever does."""


def settings_of(suffix: str) -> Settings:
    """Return the choices of the stack with this suffix."""
    return Settings.parse({**EVERY_ROLE, "nameSuffix": suffix}, stack="dev", project="mle-004")


def names_of(suffix: str) -> Names:
    """Return the names of the stack with this suffix."""
    return Names.of(settings_of(suffix), account=ACCOUNT, region=REGION)


def role_arn(role: str, names: Names) -> str:
    """Return the ARN of a role of the stack with these names."""
    return f"arn:aws:iam::{ACCOUNT}:role/{ROLES[role].role_name(names)}"


def key_of(suffix: str) -> str:
    """Return the ARN of the stack's key: each begins as the first one does, so that no pattern passes for a whole."""
    return f"{KEY_ARN}{suffix}"


@dataclass(frozen=True, kw_only=True)
class Held:
    """One stack: every document that the program attaches to each role, and the key with its own policy."""

    names: Names
    policies: Mapping[str, list[Policy]]
    key_arn: str
    key_policy: Policy

    @classmethod
    def by_stack(cls, recorded: Callable[..., Recorded], suffix: str) -> Self:
        """Return what the stack with this suffix holds, as the program registers it."""
        run, names = recorded("dev", {**EVERY_ROLE, "nameSuffix": suffix}), names_of(suffix)

        def policy(name: str, text: str) -> Policy:
            # The mocks give every stack's key the same ARN; AWS does not.
            return Policy(name=name, document=json.loads(text.replace(KEY_ARN, key_of(suffix))))

        attached = {role: run.policies(spec.role_name(names)) for role, spec in ROLES.items()}
        return cls(
            names=names,
            policies={
                role: [policy(name, json.dumps(document)) for name, document in documents.items()]
                for role, documents in attached.items()
            },
            key_arn=key_of(suffix),
            key_policy=policy("key", run.one("kms/key:Key").inputs["policy"]),
        )

    def answer(self, role: str, check: Check, owner: Self | None = None) -> Decision:
        """Return what AWS answers a role about a resource of the stack `owner`; of its own stack without one."""
        owner = owner or self
        own = owner.key_policy if check.resource == owner.key_arn else None
        return evaluate_together(self.policies[role], own, role_arn(role, self.names), check)
