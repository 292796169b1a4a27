"""boto3 clients for the commands: made when first needed, in the stack's region, with our retries."""

from typing import Any

import boto3
import botocore.config
import botocore.session
from botocore.exceptions import ProfileNotFound

from ml.entry import ATTEMPTS
from ml.errors import InputError


def check_profile(profile: str | None) -> None:
    """Raise InputError where there is no such profile: `profile`, or that of AWS_PROFILE."""
    try:
        # The person's files are read for it, and no service is asked.
        _ = boto3.Session(profile_name=profile).region_name
    except ProfileNotFound as error:
        known = ", ".join(botocore.session.Session().available_profiles) or "none"
        raise InputError(
            f"{error}; there is {known}. See them with aws configure list-profiles, in ~/.aws/config and"
            " ~/.aws/credentials, and name one with --profile or AWS_PROFILE"
        ) from error


class Aws:
    """One person's credentials in one region. AWS_ENDPOINT_URL leads to a rehearsal's account instead of AWS."""

    def __init__(self, region: str | None, profile: str | None = None) -> None:
        self._session = boto3.Session(region_name=region, profile_name=profile)
        self.usual_region = boto3.Session(profile_name=profile).region_name
        """The region that the person's other tools use, None where none is set."""
        self._config = botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, s3={"addressing_style": "path"}
        )
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the client of a service, the same each time."""
        if service not in self._clients:
            make: Any = self._session.client
            self._clients[service] = make(service, config=self._config)
        return self._clients[service]
