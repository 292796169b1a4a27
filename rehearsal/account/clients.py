"""boto3 clients of the emulated account, which know nothing of the person's own AWS configuration."""

import os
import threading
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from rehearsal.account.calls import Credentials

READ_TIMEOUT_SECONDS = 300


class Clients:
    """Makes one client for each service and holder of credentials. Safe to use from any thread."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._session = _own_session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def get(self, service: str, held: Credentials, url: str) -> Any:
        """Return the client that calls `url`, without retries, with these credentials."""
        key = service, held.access_key_id
        with self._lock:  # boto3 does not create clients thread-safely
            if key not in self._clients:
                self._clients[key] = self._make(service, held, url)
            return self._clients[key]

    def _make(self, service: str, held: Credentials, url: str) -> Any:
        config = Config(
            retries={"total_max_attempts": 1},
            read_timeout=READ_TIMEOUT_SECONDS,
            s3={"addressing_style": "path"},
            proxies={},
        )
        return self._session.client(
            service,
            region_name=self._region,
            endpoint_url=url,
            aws_access_key_id=held.access_key_id,
            aws_secret_access_key=held.secret_access_key,
            aws_session_token=held.session_token or None,
            config=config,
        )


def _own_session() -> Any:
    nowhere = (None, None, os.devnull, None)
    own = {"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=own))
