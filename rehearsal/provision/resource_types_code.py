"""CodeCommit repositories with their approval rules, CodeBuild projects and CodePipeline pipelines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.folders import remove
from rehearsal.pipeline.pipeline_declaration import check_declaration
from rehearsal.provision.resource_types import (
    Existing,
    Inputs,
    Made,
    ProvisionError,
    ResourceType,
    Workbench,
    absent_is_fine,
    tag_list,
)

_ABSENT_TEMPLATE = ("ApprovalRuleTemplateDoesNotExistException", "RepositoryDoesNotExistException")
_PROJECT = {
    "description": "description",
    "encryptionKey": "encryptionKey",
    "buildTimeout": "timeoutInMinutes",
    "queuedTimeout": "queuedTimeoutInMinutes",
    "serviceRole": "serviceRole",
}
_PROJECT_PARTS = ("source", "artifacts", "environment", "logsConfig")
_PIPELINE = ("roleArn", "artifactStores", "stages", "variables", "triggers", "pipelineType", "executionMode")


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


def _delete_repository(bench: Workbench, repository: Existing) -> None:
    bench.cloud.client("codecommit").delete_repository(repositoryName=repository.id)
    remove(Path(repository.outputs["cloneUrlHttp"]))


def _approval_template(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    template = bench.cloud.client("codecommit").create_approval_rule_template(
        approvalRuleTemplateName=name,
        approvalRuleTemplateContent=inputs.need("content"),
        **inputs.renamed({"description": "approvalRuleTemplateDescription"}),
    )["approvalRuleTemplate"]
    return Made(id=name, outputs={"name": name, "approvalRuleTemplateId": template["approvalRuleTemplateId"]})


def _delete_approval_template(bench: Workbench, template: Existing) -> None:
    with absent_is_fine(*_ABSENT_TEMPLATE):
        bench.cloud.client("codecommit").delete_approval_rule_template(approvalRuleTemplateName=template.id)


def _template_association(bench: Workbench, inputs: Inputs) -> Made:
    template, repository = inputs.need("approvalRuleTemplateName"), inputs.need("repositoryName")
    bench.cloud.client("codecommit").associate_approval_rule_template_with_repository(
        approvalRuleTemplateName=template, repositoryName=repository
    )
    return Made(id=f"{template},{repository}")


def _delete_template_association(bench: Workbench, association: Existing) -> None:
    with absent_is_fine(*_ABSENT_TEMPLATE):
        bench.cloud.client("codecommit").disassociate_approval_rule_template_from_repository(
            approvalRuleTemplateName=association.inputs["approvalRuleTemplateName"],
            repositoryName=association.inputs["repositoryName"],
        )


def _project(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    project = bench.cloud.client("codebuild").create_project(
        name=name, tags=tag_list(inputs.take("tags"), key="key", value="value"), **_project_parts(inputs)
    )["project"]
    return Made(id=project["arn"], outputs={"name": name, "arn": project["arn"]})


def _change_project(bench: Workbench, inputs: Inputs, project: Existing) -> Made:
    bench.cloud.client("codebuild").update_project(name=project.outputs["name"], **_project_parts(inputs))
    return Made(id=project.id, outputs=project.outputs)


def _delete_project(bench: Workbench, project: Existing) -> None:
    bench.cloud.client("codebuild").delete_project(name=project.outputs["name"])


def _project_parts(inputs: Inputs) -> dict[str, Any]:
    """Return what is declared of source, artifacts, environment and so on; an absent part stays absent."""
    parts = {
        "source": _part(inputs, "source", "type", "buildspec"),
        "artifacts": _part(inputs, "artifacts", "type"),
        "environment": _build_environment(inputs),
        "logsConfig": _logs_config(inputs),
    }
    return {**{name: part for name, part in parts.items() if part}, **inputs.renamed(_PROJECT)}


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
    return {name: part for name, part in parts.items() if part}


def _part(inputs: Inputs, name: str, *names: str) -> dict[str, Any]:
    """Take a nested object whose properties carry the API's own names."""
    part = inputs.child(name)
    return part.renamed({each: each for each in names}) if part else {}


def _pipeline(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    declaration = _pipeline_declaration(name, inputs)
    bench.cloud.client("codepipeline").create_pipeline(
        pipeline=declaration, tags=tag_list(inputs.take("tags"), key="key", value="value")
    )
    return Made(id=name, outputs={"name": name, "arn": bench.arn("codepipeline", name)})


def _change_pipeline(bench: Workbench, inputs: Inputs, pipeline: Existing) -> Made:
    """Put a whole new declaration: UpdatePipeline knows no parts."""
    declaration = _pipeline_declaration(pipeline.id, inputs)
    bench.cloud.client("codepipeline").update_pipeline(pipeline=declaration)
    return Made(id=pipeline.id, outputs=pipeline.outputs)


def _delete_pipeline(bench: Workbench, pipeline: Existing) -> None:
    bench.cloud.client("codepipeline").delete_pipeline(name=pipeline.id)


def _pipeline_declaration(name: str, inputs: Inputs) -> dict[str, Any]:
    declaration = {
        "name": name,
        "roleArn": inputs.need("roleArn"),
        "artifactStore": _artifact_store(inputs),
        "stages": [_stage(stage) for stage in inputs.children("stages")],
        # What the provider sends when the program is silent.
        "pipelineType": inputs.take("pipelineType", "V1"),
        "executionMode": inputs.take("executionMode", "SUPERSEDED"),
    }
    if variables := inputs.children("variables"):
        names = {"name": "name", "defaultValue": "defaultValue", "description": "description"}
        declaration["variables"] = [variable.renamed(names) for variable in variables]
    if triggers := inputs.children("triggers"):
        declaration["triggers"] = [_trigger(trigger) for trigger in triggers]
    check_declaration(declaration)
    return declaration


def _trigger(trigger: Inputs) -> dict[str, Any]:
    git = trigger.child("gitConfiguration")
    if git is None:
        raise ProvisionError("a trigger needs its gitConfiguration")
    configuration: dict[str, Any] = git.renamed({"sourceActionName": "sourceActionName"})
    if pushes := git.children("pushes"):
        configuration["push"] = [_push_filter(push) for push in pushes]
    return {**trigger.renamed({"providerType": "providerType"}), "gitConfiguration": configuration}


def _push_filter(push: Inputs) -> dict[str, Any]:
    kinds = {"branches": "branches", "filePaths": "filePaths", "tags": "tags"}
    return {api: _part(push, ours, "includes", "excludes") for ours, api in kinds.items() if push.holds(ours)}


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
    "aws:codecommit/repository:Repository": ResourceType(create=_repository, delete=_delete_repository, taggable=True),
    "aws:codecommit/approvalRuleTemplate:ApprovalRuleTemplate": ResourceType(
        create=_approval_template, delete=_delete_approval_template
    ),
    "aws:codecommit/approvalRuleTemplateAssociation:ApprovalRuleTemplateAssociation": ResourceType(
        create=_template_association, delete=_delete_template_association
    ),
    "aws:codebuild/project:Project": ResourceType(
        create=_project,
        delete=_delete_project,
        update=_change_project,
        updatable=frozenset({*_PROJECT, *_PROJECT_PARTS}),
        taggable=True,
    ),
    "aws:codepipeline/pipeline:Pipeline": ResourceType(
        create=_pipeline,
        delete=_delete_pipeline,
        update=_change_pipeline,
        updatable=frozenset(_PIPELINE),
        taggable=True,
    ),
}
