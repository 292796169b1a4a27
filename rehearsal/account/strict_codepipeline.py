"""CodePipeline's declarations: moto refuses a role whose trust policy lists its services, so they are kept here."""

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rehearsal.account.calls import AwsError, Caller

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

CODEPIPELINE = "codepipeline.amazonaws.com"


class Pipelines:
    """Every pipeline's declaration. Safe to use from any thread."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._pipelines: dict[str, dict[str, Any]] = {}
        cloud.operation("codepipeline", "CreatePipeline", self._create)
        cloud.operation("codepipeline", "GetPipeline", self._get)
        cloud.operation("codepipeline", "ListPipelines", self._list)
        cloud.operation("codepipeline", "UpdatePipeline", self._update)
        cloud.operation("codepipeline", "DeletePipeline", self._delete)

    def _create(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        pipeline = _with_defaults(params["pipeline"])
        name = pipeline["name"]
        arn = f"arn:aws:codepipeline:{self._cloud.region}:{self._cloud.account}:{name}"
        self._refuse_foreign_role(pipeline["roleArn"], arn)
        now = datetime.now(UTC)
        with self._lock:
            if name in self._pipelines:
                raise AwsError("PipelineNameInUseException", f"A pipeline with the name '{name}' already exists")
            metadata = {"pipelineArn": arn, "created": now, "updated": now}
            self._pipelines[name] = {"pipeline": pipeline, "metadata": metadata}
        return {"pipeline": pipeline, "tags": params.get("tags", [])}

    def _refuse_foreign_role(self, role_arn: str, pipeline_arn: str) -> None:
        try:
            self._cloud.check_trust(role_arn, CODEPIPELINE, source_arn=pipeline_arn)
        except AwsError as refusal:
            text = f"CodePipeline is not authorized to perform AssumeRole on role {role_arn}"
            raise AwsError("InvalidStructureException", text) from refusal

    def _get(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        with self._lock:
            if params["name"] not in self._pipelines:
                text = f"Account '{self._cloud.account}' does not have a pipeline with name '{params['name']}'"
                raise AwsError("PipelineNotFoundException", text)
            return dict(self._pipelines[params["name"]])

    def _update(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        pipeline = _with_defaults(params["pipeline"])
        name = pipeline["name"]
        with self._lock:
            if name not in self._pipelines:
                text = f"Account '{self._cloud.account}' does not have a pipeline with name '{name}'"
                raise AwsError("PipelineNotFoundException", text)
            known = self._pipelines[name]
            pipeline["version"] = known["pipeline"]["version"] + 1
            metadata = {**known["metadata"], "updated": datetime.now(UTC)}
            self._pipelines[name] = {"pipeline": pipeline, "metadata": metadata}
        return {"pipeline": pipeline}

    def _delete(self, params: dict[str, Any], _caller: Caller) -> None:
        """Delete a pipeline; deleting one that is not there succeeds."""
        with self._lock:
            self._pipelines.pop(params["name"], None)

    def _list(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        if params:
            raise NotImplementedError(f"ListPipelines with {', '.join(sorted(params))}")
        with self._lock:
            shown = [(each["pipeline"], each["metadata"]) for each in self._pipelines.values()]
        return {
            "pipelines": [
                {key: pipeline[key] for key in ("name", "version", "pipelineType", "executionMode")}
                | {key: metadata[key] for key in ("created", "updated")}
                for pipeline, metadata in shown
            ]
        }


def _with_defaults(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Write out what CodePipeline answers where a declaration says nothing."""
    silent = {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []}
    stages = [
        {**stage, "actions": [{**silent, **action} for action in stage["actions"]]} for stage in pipeline["stages"]
    ]
    return {"executionMode": "SUPERSEDED", "pipelineType": "V1", **pipeline, "version": 1, "stages": stages}
