"""The explicit AWS provider of a program: where it works, which account it accepts, and its default tags."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.provision.resource_types import Inputs, ProvisionError, ResourceType

PROVIDER_TYPE = "pulumi:providers:aws"
_AWS_ONLY = {
    "skipCredentialsValidation": "the emulated account checks every call's credentials anyway",
    "skipRegionValidation": "the region is compared with the emulated one",
    "skipMetadataApiCheck": "nobody asks an instance's metadata here",
}


@dataclass(frozen=True, kw_only=True)
class AwsProvider:
    """One configured provider. Without a profile the operator's own credentials are used."""

    profile: str = ""
    default_tags: Mapping[str, str] = field(default_factory=dict)

    def tagged(self, resource_type: ResourceType, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a resource's properties with the default tags; a tag of its own wins, as in the provider."""
        if not resource_type.taggable or not self.default_tags:
            return dict(values)
        return {**values, "tags": {**self.default_tags, **(values.get("tags") or {})}}


def configured(values: Mapping[str, Any], *, name: str, account: str) -> AwsProvider:
    """Return the provider with these properties, all but text of which arrive as JSON. Raises ProvisionError.

    The provider reads its region elsewhere: every resource is checked for that.
    """
    inputs = Inputs(values, logical_name=name)
    for name in ("region", *_AWS_ONLY):
        inputs.take(name)
    _check_account(account, _parsed(inputs.take("allowedAccountIds")), _parsed(inputs.take("forbiddenAccountIds")))
    tags = Inputs(_parsed(inputs.take("defaultTags")) or {}, logical_name=name, path="defaultTags.")
    provider = AwsProvider(profile=inputs.take("profile") or "", default_tags=tags.take("tags") or {})
    if unknown := [*inputs.untaken(), *tags.untaken()]:
        text = f"nothing here understands {', '.join(sorted(unknown))} of a provider."
        raise ProvisionError(f"{text} Read it in rehearsal/provision/aws_provider.py.")
    return provider


def _parsed(value: Any) -> Any:
    """Return a property of a provider: anything but text reaches a provider as JSON text."""
    return json.loads(value) if isinstance(value, str) and value else value


def _check_account(account: str, allowed: list[str] | None, forbidden: list[str] | None) -> None:
    if (allowed and account not in allowed) or account in (forbidden or []):
        raise ProvisionError(f"AWS account ID not allowed: {account}")
