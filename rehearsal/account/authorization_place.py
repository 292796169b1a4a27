"""What a row of the authorization rules gets and gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from rehearsal.account.calls import Check

Params: TypeAlias = Mapping[str, Any]
"""Parameters of an operation as boto3 was given them."""


class Storage(Protocol):
    """What must be known of S3 to know what S3 will ask."""

    def key_arn(self, bucket: str) -> str | None:
        """Return the KMS key of the bucket's default encryption, None when it has none."""

    def holds(self, bucket: str, key: str) -> bool:
        """Return whether the bucket has an object under this key."""


class Keyed(Protocol):
    """What must be known of SNS to know which key a message needs."""

    def key_arn(self, topic_arn: str) -> str | None:
        """Return the KMS key that encrypts the topic's messages, None when the account keeps none for it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the call is made: what a row needs beside the operation's parameters."""

    account: str
    region: str
    storage: Storage
    topics: Keyed
    lower_case_packages: bool

    def arn(self, service: str, rest: str) -> str:
        """Return the ARN of something regional in this account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


Rule: TypeAlias = Callable[[Params, Place], list[Check]]
