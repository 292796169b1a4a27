"""How guards are taken away: from what the developer pushes, from a deployed function, from an archive, from a role."""

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import lambda_backends

from ml.errors import RoadError
from ml.stack_file import PROJECT
from rehearsal.drills.archives import TextChange
from rehearsal.drills.stand import Stand

APPROVAL_FUNCTION_FILE = "ml/lambda_auto_approve.py"


@dataclass(frozen=True, kw_only=True)
class InSource:
    """Changes of what is pushed: the builds run it."""

    changes: Sequence[TextChange]

    @contextlib.contextmanager
    def applied(self, stand: Stand) -> Iterator[None]:
        """Push the changed source."""
        developer = stand.road.developer
        for change in self.changes:
            file = developer.directory / change.path
            file.write_text(change.of(file.read_text(encoding="utf-8")), encoding="utf-8")
        stand.push_quietly("Without a guard")
        try:
            yield
        finally:
            developer.take(PROJECT)
            stand.push_quietly("With the guard again")


@dataclass(frozen=True, kw_only=True)
class InApprovalFunction:
    """Changes of the deployed approval function's archive."""

    changes: Sequence[TextChange]

    @contextlib.contextmanager
    def applied(self, stand: Stand) -> Iterator[None]:
        """Deploy the changed code."""
        name, code = _approval_function(stand)
        update = stand.cloud.client("lambda").update_function_code
        update(FunctionName=name, ZipFile=_rezipped(code, self.changes))
        try:
            yield
        finally:
            update(FunctionName=name, ZipFile=code)


@dataclass(frozen=True, kw_only=True)
class InServingCode:
    """Changes of the serving code in what the drill offers."""

    changes: Sequence[TextChange]

    @contextlib.contextmanager
    def applied(self, stand: Stand) -> Iterator[None]:
        """Change the code of every archive that is offered."""
        stand.serving_changes.extend(self.changes)
        try:
            yield
        finally:
            stand.serving_changes.clear()


@dataclass(frozen=True, kw_only=True)
class InTrainRole:
    """The train role's policy without some statements, by Sid, and with these actions allowed on everything."""

    dropped: Sequence[str]
    allowed: Sequence[str]

    @contextlib.contextmanager
    def applied(self, stand: Stand) -> Iterator[None]:
        """Put another version of the policy in force."""
        iam = stand.cloud.client("iam")
        arn, version, document = self._policy(iam, stand.role(stand.train_project))
        changed = json.dumps(self._changed(document))
        put = iam.create_policy_version(PolicyArn=arn, PolicyDocument=changed, SetAsDefault=True)
        try:
            yield
        finally:
            iam.set_default_policy_version(PolicyArn=arn, VersionId=version)
            iam.delete_policy_version(PolicyArn=arn, VersionId=put["PolicyVersion"]["VersionId"])

    def _policy(self, iam: Any, role: str) -> tuple[str, str, dict[str, Any]]:
        """Return ARN, version and document of the role's policy that holds the statements to drop."""
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            if set(self.dropped) <= {each.get("Sid") for each in document["Statement"]}:
                return arn, version, document
        raise RoadError(f"no policy of {role} has the statements {', '.join(self.dropped)}: the guard has moved")

    def _changed(self, document: Mapping[str, Any]) -> dict[str, Any]:
        kept = [each for each in document["Statement"] if each.get("Sid") not in self.dropped]
        added = {"Sid": "Drill", "Effect": "Allow", "Action": list(self.allowed), "Resource": "*"}
        return {**document, "Statement": [*kept, added]}


@dataclass(frozen=True, kw_only=True)
class InState:
    """A resource that Pulumi no longer knows, by the end of its type: as after `pulumi state delete`."""

    type: str

    @contextlib.contextmanager
    def applied(self, stand: Stand) -> Iterator[None]:
        """Forget the resource, and know it again afterwards."""
        state = stand.road.stack.state
        found = [each for each in state if each.type.endswith(self.type)]
        if not found:
            raise RoadError(f"the stack has no resource {self.type}: the guard has moved")
        for resource in found:
            state.remove(resource)
        try:
            yield
        finally:
            for resource in found:
                state.put(resource)


def _approval_function(stand: Stand) -> tuple[str, bytes]:
    """Return the name and the archive of the function that judges."""
    backend: Any = lambda_backends[stand.cloud.account][stand.cloud.region]
    for function in backend.list_functions():
        if APPROVAL_FUNCTION_FILE in zipfile.ZipFile(io.BytesIO(function.code_bytes)).namelist():
            return function.function_name, function.code_bytes
    raise RoadError(f"no function of the stack holds {APPROVAL_FUNCTION_FILE}: the guard has moved")


def _rezipped(code: bytes, changes: Sequence[TextChange]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(code)) as old, zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as new:
        texts = {name: old.read(name) for name in old.namelist()}
        for change in changes:
            texts[change.path] = change.of(texts[change.path].decode()).encode()
        for name, text in texts.items():
            new.writestr(name, text)
    return body.getvalue()
