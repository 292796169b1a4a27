"""CodeBuild's projects, kept as CodeBuild keeps them.

moto demands a source location even where CodePipeline brings the source, and forgets the encryption key.
"""

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rehearsal.account.calls import AwsError, Caller

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

CODEBUILD = "codebuild.amazonaws.com"
_PIPELINE = "CODEPIPELINE"


class BuildProjects:
    """Every build project. Safe to use from any thread."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._projects: dict[str, dict[str, Any]] = {}
        cloud.operation("codebuild", "CreateProject", self._create)
        cloud.operation("codebuild", "BatchGetProjects", self._batch_get)
        cloud.operation("codebuild", "UpdateProject", self._update)
        cloud.operation("codebuild", "DeleteProject", self._delete)
        cloud.operation("codebuild", "ListProjects", self._list)

    def _create(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        arn = f"arn:aws:codebuild:{self._cloud.region}:{self._cloud.account}:project/{params['name']}"
        _refuse_half_a_pipeline(params)
        self._refuse_foreign_role(params["serviceRole"], arn)
        now = datetime.now(UTC)
        default_key = f"arn:aws:kms:{self._cloud.region}:{self._cloud.account}:alias/aws/s3"
        project = {"encryptionKey": default_key, **params, "arn": arn, "created": now, "lastModified": now}
        with self._lock:
            if params["name"] in self._projects:
                raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {arn}")
            self._projects[params["name"]] = project
        return {"project": project}

    def _refuse_foreign_role(self, role_arn: str, project_arn: str) -> None:
        try:
            self._cloud.check_trust(role_arn, CODEBUILD, source_arn=project_arn)
        except AwsError as refusal:
            text = f"CodeBuild is not authorized to perform: sts:AssumeRole on {role_arn}"
            raise AwsError("InvalidInputException", text) from refusal

    def _batch_get(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        with self._lock:
            found = [self._projects[name] for name in params["names"] if name in self._projects]
        missing = [name for name in params["names"] if name not in self._projects]
        return {"projects": found, "projectsNotFound": missing}

    def _update(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        name = params["name"]
        with self._lock:
            if name not in self._projects:
                raise AwsError("ResourceNotFoundException", f"Project cannot be found: {name}")
            project = {**self._projects[name], **params, "lastModified": datetime.now(UTC)}
            _refuse_half_a_pipeline(project)
            self._projects[name] = project
        return {"project": project}

    def _delete(self, params: dict[str, Any], _caller: Caller) -> None:
        """Delete a project; deleting one that is not there succeeds. Its builds stay (API reference)."""
        with self._lock:
            self._projects.pop(params["name"], None)

    def _list(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        if params:
            raise NotImplementedError(f"ListProjects with {', '.join(sorted(params))}")
        with self._lock:
            return {"projects": sorted(self._projects)}


def _refuse_half_a_pipeline(params: dict[str, Any]) -> None:
    """Source and artifacts go through CodePipeline both or not at all, and then take no location (API reference)."""
    source, artifacts = params["source"], params["artifacts"]
    if (source["type"] == _PIPELINE) != (artifacts["type"] == _PIPELINE):
        text = f"Invalid project: source type {source['type']} does not go with artifacts type {artifacts['type']}"
        raise AwsError("InvalidInputException", text)
    if source["type"] not in (_PIPELINE, "NO_SOURCE") and not source.get("location"):
        raise AwsError("InvalidInputException", "Invalid project source: location is required")
