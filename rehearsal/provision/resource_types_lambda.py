"""Lambda functions, who may invoke them, and what becomes of their asynchronous invocations."""

from collections.abc import Mapping
from typing import Any

from rehearsal.provision.archives import zip_archive
from rehearsal.provision.resource_types import (
    Existing,
    Inputs,
    Made,
    ProvisionError,
    ResourceType,
    Workbench,
    absent_is_fine,
    automatic_name,
)

_ABSENT = "ResourceNotFoundException"
_CONFIGURATION = {
    "description": "Description",
    "handler": "Handler",
    "kmsKeyArn": "KMSKeyArn",
    "memorySize": "MemorySize",
    "role": "Role",
    "runtime": "Runtime",
    "timeout": "Timeout",
}
_NESTED = {
    "environment": ("Environment", {"variables": "Variables"}),
    "deadLetterConfig": ("DeadLetterConfig", {"targetArn": "TargetArn"}),
    "tracingConfig": ("TracingConfig", {"mode": "Mode"}),
}


def _function(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    client = bench.cloud.client("lambda")
    _check_log_group(inputs, name)
    made = client.create_function(
        FunctionName=name,
        Code={"ZipFile": zip_archive(inputs.need("code"))},
        Tags=inputs.take("tags") or {},
        **_configuration(inputs),
        **inputs.renamed({"architectures": "Architectures"}),
    )
    _reserve(client, name, inputs)
    arn = made["FunctionArn"]
    return Made(
        id=name,
        outputs={
            "name": name,
            "arn": arn,
            "qualifiedArn": f"{arn}:$LATEST",
            "invokeArn": bench.arn("apigateway", f"lambda:path/2015-03-31/functions/{arn}/invocations"),
            "version": made["Version"],
            "codeSha256": made["CodeSha256"],
        },
    )


def _change_function(bench: Workbench, inputs: Inputs, function: Existing) -> Made:
    client, outputs = bench.cloud.client("lambda"), dict(function.outputs)
    if (code := inputs.take("code")) is not None:
        stored = client.update_function_code(FunctionName=function.id, ZipFile=zip_archive(code))
        outputs["codeSha256"] = stored["CodeSha256"]
    _reserve(client, function.id, inputs)
    if configuration := _configuration(inputs):
        client.update_function_configuration(FunctionName=function.id, **configuration)
    return Made(id=function.id, outputs=outputs)


def _delete_function(bench: Workbench, function: Existing) -> None:
    with absent_is_fine(_ABSENT):
        bench.cloud.client("lambda").delete_function(FunctionName=function.id)


def _configuration(inputs: Inputs) -> dict[str, Any]:
    parts = ((api, inputs.child(ours), names) for ours, (api, names) in _NESTED.items())
    nested = {api: part.renamed(names) for api, part, names in parts if part}
    return {**inputs.renamed(_CONFIGURATION), **nested}


def _reserve(client: Any, name: str, inputs: Inputs) -> None:
    if (limit := inputs.take("reservedConcurrentExecutions")) is not None:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=limit)


def _check_log_group(inputs: Inputs, name: str) -> None:
    """Accept a logging configuration that says what holds anyway: the group named after the function."""
    config = inputs.child("loggingConfig")
    if config is None:
        return
    config.take("logFormat")  # changes only what AWS wraps around each line
    group, usual = config.take("logGroup"), f"/aws/lambda/{name}"
    if group not in (None, usual):
        raise ProvisionError(f"functions log to {usual} here, not to {group}")


def _permission(bench: Workbench, inputs: Inputs) -> Made:
    statement_id = inputs.take("statementId") or automatic_name(inputs.logical_name)
    bench.cloud.client("lambda").add_permission(
        FunctionName=inputs.need("function"),
        StatementId=statement_id,
        Action=inputs.need("action"),
        Principal=inputs.need("principal"),
        **inputs.renamed({"sourceArn": "SourceArn", "sourceAccount": "SourceAccount"}),
    )
    return Made(id=statement_id, outputs={"statementId": statement_id})


def _remove_permission(bench: Workbench, permission: Existing) -> None:
    with absent_is_fine(_ABSENT):
        bench.cloud.client("lambda").remove_permission(
            FunctionName=permission.inputs["function"], StatementId=permission.id
        )


def _event_invoke_config(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.need("functionName")
    destinations: dict[str, Any] = {}
    if config := inputs.child("destinationConfig"):
        for ours, api in (("onFailure", "OnFailure"), ("onSuccess", "OnSuccess")):
            if end := config.child(ours):
                destinations[api] = end.renamed({"destination": "Destination"})
    bench.cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        **({"DestinationConfig": destinations} if destinations else {}),
        **inputs.renamed(
            {
                "maximumRetryAttempts": "MaximumRetryAttempts",
                "maximumEventAgeInSeconds": "MaximumEventAgeInSeconds",
            }
        ),
    )
    return Made(id=name)


def _delete_event_invoke_config(bench: Workbench, config: Existing) -> None:
    with absent_is_fine(_ABSENT):
        bench.cloud.client("lambda").delete_function_event_invoke_config(FunctionName=config.id)


TYPES: Mapping[str, ResourceType] = {
    "aws:lambda/function:Function": ResourceType(
        create=_function,
        delete=_delete_function,
        update=_change_function,
        updatable=frozenset({*_CONFIGURATION, *_NESTED, "code", "reservedConcurrentExecutions"}),
        taggable=True,
    ),
    "aws:lambda/permission:Permission": ResourceType(create=_permission, delete=_remove_permission),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": ResourceType(
        create=_event_invoke_config,
        delete=_delete_event_invoke_config,
        updatable=frozenset({"maximumRetryAttempts", "maximumEventAgeInSeconds", "destinationConfig"}),
    ),
}
