"""What the Lambda functions' entries have in common: where they run, whose packages they serve, clients and the log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import botocore.config

from ml import registry
from ml.errors import InputError

ATTEMPTS = 8
"""Of each AWS call. botocore's own three give up after a few seconds of throttling."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a function runs: packages of any other partition, region or account are none of its business."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, context: Any) -> "Place":
        """Return the place that Lambda's context names by the function's own ARN."""
        _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
        return cls(partition=partition, region=region, account=account)

    def check(self, arn: str, group: str) -> None:
        """Raise InputError unless `arn` is a version of `group` in this very place."""
        package = registry.parse_model_package_arn(arn)
        home = Place(partition=package.partition, region=package.region, account=package.account)
        if home != self or not package.is_in_group(group):
            raise InputError(f"{arn} is not a version of {group} in this account and region. Send its event elsewhere")


@cache
def client(service: str) -> Any:
    """Return this process's client for `service`."""
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=3, read_timeout=10
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # the service is named by a variable


def make_ahead(environment: Mapping[str, str], *services: str) -> None:
    """Make the clients for `services` if `environment` is that of a Lambda function; any other import makes nothing.

    An initialization has its own time and its own share of a processor, and may be over before the first event comes
    (Lambda developer guide, "Best practices": initialize SDK clients outside of the handler).
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in environment:
        for service in services:
            client(service)


def log(entry: Mapping[str, object]) -> None:
    """Write one line of JSON into the function's log."""
    print(json.dumps(entry, sort_keys=True))
