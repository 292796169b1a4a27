"""An AWS account in this process: moto behind one URL, every role held to its policies, every call written down."""

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import moto.core.utils
from moto.core.model import ServiceModel
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler
from moto.sts.models import sts_backends
from werkzeug.serving import make_server

from rehearsal.account.approval_templates import ApprovalTemplates
from rehearsal.account.authorizer import PARTITION, Authorizer
from rehearsal.account.calls import AwsError, Caller, Check, Context, Credentials, Journal, Reply
from rehearsal.account.clients import Clients
from rehearsal.account.gateway import FRONT_PREFIX, Correction, Front, Gateway, Handler
from rehearsal.account.iam import trusts
from rehearsal.account.operations import one_at_a_time, service_models
from rehearsal.account.resource_tags import ResourceTags
from rehearsal.account.strict_codebuild import BuildProjects
from rehearsal.account.strict_codepipeline import Pipelines
from rehearsal.account.strict_events import install_put_events
from rehearsal.account.strict_hosting import Hosting
from rehearsal.account.strict_registry import ModelPackages
from rehearsal.account.strict_removal import Removals
from rehearsal.account.strict_s3 import Buckets
from rehearsal.account.strict_sns import Topics

__all__ = ["AwsError", "Caller", "Cloud", "Credentials", "Progress", "Reply"]

ACCOUNT = "123456789012"
PackageArnCase: TypeAlias = Literal["kept", "lower"]

SESSION_SECONDS = 3600
STOP_POLL_SECONDS = 0.05


class Progress(Protocol):
    """Whoever shows a person what is going on."""

    def note(self, where: str, what: str) -> None:
        """Show one line: where ("Build/TrainModel") and what ("train-model:1234 started")."""


class _QuietRequestHandler(MotoRequestHandler):
    """moto's handler without a log line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing; failures have their own way into the log."""


class Cloud:
    """One emulated account. `start` gives a running one; moto's state is the process's, so only one runs at a time."""

    account = ACCOUNT
    _running = threading.Lock()

    def __init__(self, work: Path, region: str, progress: Progress, package_arn_case: PackageArnCase) -> None:
        self.work = work
        self.region = region
        self.progress = progress
        self.journal = Journal()
        self._operator = Credentials(
            access_key_id="AKIA" + secrets.token_hex(8).upper(), secret_access_key="operator", session_token=""
        )
        buckets = Buckets(self.account, region)
        self.topics = Topics(self.account, region)
        self.authorizer = Authorizer(
            account=self.account,
            region=region,
            operator_key=self._operator.access_key_id,
            journal=self.journal,
            buckets=buckets,
            topics=self.topics,
            lower_case_packages=package_arn_case == "lower",
        )
        self._gateway = Gateway(authorizer=self.authorizer)
        self._clients = Clients(region)
        self._replaced: list[tuple[Any, str, bool, Any]] = []
        self._package_listeners: list[Callable[[str], None]] = []
        self._correct_moto(buckets, package_arn_case)

    def _correct_moto(self, buckets: Buckets, package_arn_case: PackageArnCase) -> None:
        buckets.install(self)
        self.topics.install(self)
        packages = ModelPackages(self, lower_case=package_arn_case == "lower")
        Hosting(self, packages)
        ResourceTags(self)
        BuildProjects(self)
        Pipelines(self)
        ApprovalTemplates(self)
        Removals(self)
        install_put_events(self)

    @classmethod
    def start(
        cls, work: Path, region: str, progress: Progress, *, package_arn_case: PackageArnCase = "kept"
    ) -> "Cloud":
        """Start an empty account. `work` is where everything may write.

        Model package ARNs have been seen on AWS with the group's name as written and in lower case: `package_arn_case`
        chooses. Raises RuntimeError if a cloud already runs in this process.
        """
        if not cls._running.acquire(blocking=False):
            raise RuntimeError("another Cloud is running in this process; stop it first")
        moto_api_backend.reset()
        cloud = cls(work, region, progress, package_arn_case)
        cloud.replace(moto.core.utils, "create_loader", service_models)
        cloud.replace(ServiceModel, "operation_model", one_at_a_time(ServiceModel.operation_model))
        cloud._serve()
        return cloud

    def _serve(self) -> None:
        self._server = make_server("127.0.0.1", 0, self._gateway, threaded=True, request_handler=_QuietRequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_POLL_SECONDS,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server and take back every patch, in reverse order."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for owner, attribute, own, original in reversed(self._replaced):
            if own:
                setattr(owner, attribute, original)
            else:
                delattr(owner, attribute)
        self._replaced.clear()
        self._running.release()

    @property
    def operator(self) -> Credentials:
        """What the person at the keyboard holds, for a process that acts in their name."""
        return self._operator

    # --- acting in the account ---------------------------------------------------------------------------------------

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """Return a boto3 client of this account, without retries; without credentials it acts as the operator."""
        return self._clients.get(service, credentials or self._operator, self.url)

    def assume(self, role_arn: str, service: str, *, source_arn: str, session: str) -> Credentials:
        """Do as an AWS service does with a role it was given, on behalf of the resource `source_arn`.

        Raises AwsError AccessDenied when the role is absent or its trust policy does not let the service.
        """
        self.check_trust(role_arn, service, source_arn=source_arn)
        assumed = sts_backends[self.account][PARTITION].assume_role(
            region_name=self.region,
            role_session_name=session,
            role_arn=role_arn,
            policy="",
            duration=SESSION_SECONDS,
            external_id="",
        )
        return Credentials(
            access_key_id=assumed.access_key_id,
            secret_access_key=assumed.secret_access_key,
            session_token=assumed.session_token,
        )

    def check_trust(self, role_arn: str, service: str, *, source_arn: str) -> None:
        """Raise AwsError AccessDenied unless the role exists and `service` may assume it for `source_arn`."""
        role = self.authorizer.role(role_arn)
        context = {"aws:SourceAccount": self.account, "aws:SourceArn": source_arn}
        if not trusts(json.loads(role.assume_role_policy_document), service, context):
            text = f"{service} for {source_arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise AwsError("AccessDenied", text, HTTPStatus.FORBIDDEN)

    def check(self, role_arn: str, action: str, resource: str, *, via: str, context: Context | None = None) -> None:
        """Ask IAM for a call that AWS makes with a role but that has no public API. Raises AwsError when denied."""
        name = self.authorizer.role(role_arn).name
        self.authorizer.ask(name, Check(action=action, resource=resource, context=context or {}), via=via)

    def environment(self) -> dict[str, str]:
        """Return what a subprocess needs to call this account and no other; credentials come on top."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    # --- shaping the account -----------------------------------------------------------------------------------------

    def operation(self, service: str, name: str, handler: Handler) -> None:
        """Add or replace an API operation: boto3's service name, the operation ("StartBuild") and who answers it.

        The handler gets the parameters as boto3 was given them and the caller's name; it returns the result as boto3
        will see it (timestamps as aware datetimes) or a whole Reply, and raises AwsError to refuse.
        """
        self._gateway.handlers[service, name] = handler

    def correct(self, service: str, name: str, correction: Correction) -> None:
        """Wrap an operation. The correction gets parameters, caller and `proceed(parameters)`: the next one's Reply."""
        if (service, name) in self._gateway.corrections:
            raise ValueError(f"{service}:{name} is already corrected")
        self._gateway.corrections[service, name] = correction

    @contextlib.contextmanager
    def faulted(self, service: str, name: str, fault: Correction) -> Iterator[None]:
        """Put a fault before an operation while the block runs, in front of whoever answers it otherwise."""
        if (service, name) in self._gateway.faults:
            raise ValueError(f"{service}:{name} is already faulted")
        self._gateway.faults[service, name] = fault
        try:
            yield
        finally:
            del self._gateway.faults[service, name]

    def replace(self, owner: Any, attribute: str, value: Any) -> None:
        """Patch an attribute for this cloud's life. Raises AttributeError if the owner has none of that name."""
        getattr(owner, attribute)
        own = attribute in vars(owner)
        self._replaced.append((owner, attribute, own, vars(owner).get(attribute)))
        setattr(owner, attribute, value)

    def front(self, path: str, handler: Front) -> None:
        """Answer POST <url>/_rehearsal/<path>: the handler gets the JSON body."""
        self._gateway.fronts[path] = handler

    def front_url(self, path: str) -> str:
        """Return the URL of a front."""
        return f"{self.url}{FRONT_PREFIX}{path}"

    def on_package_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the ARN after each model package was created or updated."""
        self._package_listeners.append(listener)

    def package_changed(self, arn: str) -> None:
        """Tell every listener that a model package was created or updated."""
        for listener in self._package_listeners:
            listener(arn)
