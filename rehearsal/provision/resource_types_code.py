"""CodeCommit repositories, CodeBuild projects and CodePipeline pipelines."""

from collections.abc import Mapping
from typing import Any

from rehearsal.pipeline.pipeline_declaration import check_declaration
from rehearsal.provision.resource_types import Inputs, Made, ProvisionError, ResourceType, Workbench, tag_list


def _repository(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.need("repositoryName")
    metadata = bench.cloud.client("codecommit").create_repository(
        repositoryName=name,
        tags=inputs.take("tags") or {},
        **inputs.renamed({"description": "repositoryDescription", "kmsKeyId": "kmsKeyId"}),
    )["repositoryMetadata"]
    return Made(
        id=name,
        outputs={
            "arn": metadata["Arn"],
            "repositoryId": metadata["repositoryId"],
            "cloneUrlHttp": bench.repositories.create(name),
            "cloneUrlSsh": metadata["cloneUrlSsh"],
        },
    )


def _project(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    project = bench.cloud.client("codebuild").create_project(
        name=name,
        serviceRole=inputs.need("serviceRole"),
        source=_part(inputs, "source", "type", "buildspec"),
        artifacts=_part(inputs, "artifacts", "type"),
        environment=_build_environment(inputs),
        tags=tag_list(inputs.take("tags"), key="key", value="value"),
        **_logs_config(inputs),
        **inputs.renamed(
            {
                "description": "description",
                "encryptionKey": "encryptionKey",
                "buildTimeout": "timeoutInMinutes",
                "queuedTimeout": "queuedTimeoutInMinutes",
            }
        ),
    )["project"]
    return Made(id=project["arn"], outputs={"name": name, "arn": project["arn"]})


def _build_environment(inputs: Inputs) -> dict[str, Any]:
    environment = inputs.child("environment")
    if environment is None:
        return {}
    variables = [
        variable.renamed({"name": "name", "value": "value", "type": "type"})
        for variable in environment.children("environmentVariables")
    ]
    names = ("type", "image", "computeType", "imagePullCredentialsType", "privilegedMode")
    return {**environment.renamed({name: name for name in names}), "environmentVariables": variables}


def _logs_config(inputs: Inputs) -> dict[str, Any]:
    config = inputs.child("logsConfig")
    if config is None:
        return {}
    parts = {
        "cloudWatchLogs": _part(config, "cloudwatchLogs", "status", "groupName", "streamName"),
        "s3Logs": _part(config, "s3Logs", "status"),
    }
    return {"logsConfig": {name: part for name, part in parts.items() if part}}


def _part(inputs: Inputs, name: str, *names: str) -> dict[str, Any]:
    """Take a nested object whose properties carry the API's own names."""
    part = inputs.child(name)
    return part.renamed({each: each for each in names}) if part else {}


def _pipeline(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    declaration = {
        "name": name,
        "roleArn": inputs.need("roleArn"),
        "artifactStore": _artifact_store(inputs),
        "stages": [_stage(stage) for stage in inputs.children("stages")],
        # What the provider sends when the program is silent.
        "pipelineType": inputs.take("pipelineType", "V1"),
        "executionMode": inputs.take("executionMode", "SUPERSEDED"),
    }
    check_declaration(declaration)
    bench.cloud.client("codepipeline").create_pipeline(
        pipeline=declaration, tags=tag_list(inputs.take("tags"), key="key", value="value")
    )
    return Made(id=name, outputs={"name": name, "arn": bench.arn("codepipeline", name)})


def _artifact_store(inputs: Inputs) -> dict[str, Any]:
    stores = inputs.children("artifactStores")
    if len(stores) != 1:
        raise ProvisionError(f"one artifact store is needed, {len(stores)} are declared")
    parts: dict[str, Any] = stores[0].renamed({"location": "location", "type": "type"})
    if key := _part(stores[0], "encryptionKey", "id", "type"):
        parts["encryptionKey"] = key
    return parts


def _stage(stage: Inputs) -> dict[str, Any]:
    return {"name": stage.need("name"), "actions": [_action(action) for action in stage.children("actions")]}


def _action(action: Inputs) -> dict[str, Any]:
    return {
        "name": action.need("name"),
        "actionTypeId": {part: action.need(part) for part in ("category", "owner", "provider", "version")},
        "runOrder": action.take("runOrder", 1),
        "configuration": action.take("configuration", {}),
        "inputArtifacts": [{"name": name} for name in action.take("inputArtifacts", [])],
        "outputArtifacts": [{"name": name} for name in action.take("outputArtifacts", [])],
        **action.renamed({"namespace": "namespace", "timeoutInMinutes": "timeoutInMinutes"}),
    }


TYPES: Mapping[str, ResourceType] = {
    "aws:codecommit/repository:Repository": ResourceType(create=_repository),
    "aws:codebuild/project:Project": ResourceType(create=_project),
    "aws:codepipeline/pipeline:Pipeline": ResourceType(create=_pipeline),
}
