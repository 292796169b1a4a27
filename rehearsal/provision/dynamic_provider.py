"""Resources whose provider is Python code of the program itself, which travels with them in serialised form.

An engine hands that code to a process of its own, `python -m pulumi.dynamic`, in the project's directory: so does this
for deletion, which calls AWS. To create and to compare calls nothing, and is done here.
"""

import base64
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import dill
import grpc
from google.protobuf import struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from rehearsal.account.cloud import Cloud
from rehearsal.provision.resource_types import Made, ProvisionError

TYPE_PREFIX = "pulumi-python:dynamic"
PROVIDER_KEY = "__provider"
_DELETE_TIMEOUT_SECONDS = 120
_END_TIMEOUT_SECONDS = 10


def create(inputs: Mapping[str, Any]) -> Made:
    """Create the resource."""
    result = _provider(inputs).create(dict(inputs))
    return Made(id=result.id, outputs={**(result.outs or {}), PROVIDER_KEY: inputs[PROVIDER_KEY]})


def change(id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Made:
    """Change the resource. Raises ProvisionError when its provider asks for a replacement."""
    provider = _provider(new)
    verdict = provider.diff(id_, dict(old), dict(new))
    if verdict.replaces:
        names = ", ".join(verdict.replaces)
        raise ProvisionError(f"{names} changed: nothing here replaces a resource. Destroy the stack first.")
    result = provider.update(id_, dict(old), dict(new))
    return Made(id=id_, outputs={**(result.outs or {}), PROVIDER_KEY: new[PROVIDER_KEY]})


def _provider(inputs: Mapping[str, Any]) -> ResourceProvider:
    provider: ResourceProvider = dill.loads(base64.b64decode(inputs[PROVIDER_KEY]))
    return provider


class Deleter:
    """Deletes in the process that an engine would start. The process lives from first use until `close`."""

    def __init__(self, cloud: Cloud, project: Path) -> None:
        self._cloud = cloud
        self._project = project
        self._process: subprocess.Popen[str] | None = None
        self._channel: Any = None

    def delete(self, urn: str, id_: str, properties: Mapping[str, Any], *, profile: str) -> None:
        """Delete one resource as the operator. Raises ProvisionError with the last line of what its provider says."""
        if self._channel is None:
            self._start(profile)
        given = struct_pb2.Struct()
        given.update(dict(properties))
        stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        request = provider_pb2.DeleteRequest(id=id_, urn=urn, properties=given)
        try:
            stub.Delete(request, timeout=_DELETE_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise ProvisionError(str(error.details()).strip().splitlines()[-1]) from error

    def close(self) -> None:
        """End the process, if there is one."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_END_TIMEOUT_SECONDS)
            self._process.stdout.close()  # type: ignore[union-attr]  # a pipe, as it was asked for
        self._process = self._channel = None

    def _start(self, profile: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic"],
            cwd=self._project,
            env=self._environment(profile),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        threading.Thread(target=self._show, args=(self._process.stderr,), daemon=True).start()
        # The engine's agreement with its plugins: the first line of output is the port.
        port = self._process.stdout.readline().strip()
        if not port.isdigit():
            raise ProvisionError("the process of dynamic providers does not start")
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def _show(self, lines: IO[str]) -> None:
        with contextlib.closing(lines):
            for line in lines:
                self._cloud.progress.note("pulumi", line.strip())

    def _environment(self, profile: str) -> dict[str, str]:
        """Return an environment in which the person's usual ways to AWS, a profile included, lead to this account."""
        held = self._cloud.operator
        file = self._cloud.work / "operator-credentials"
        sections = [f"[{name}]" for name in dict.fromkeys(("default", profile or "default"))]
        secrets = f"aws_access_key_id={held.access_key_id}\naws_secret_access_key={held.secret_access_key}\n"
        file.write_text("".join(f"{section}\n{secrets}" for section in sections), encoding="utf-8")
        passed_on = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**passed_on, **self._cloud.environment(), "AWS_SHARED_CREDENTIALS_FILE": str(file)}
