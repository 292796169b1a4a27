"""Lambda functions, who may invoke them, and what becomes of their asynchronous invocations."""

from collections.abc import Mapping
from typing import Any

from rehearsal.provision.archives import zip_archive
from rehearsal.provision.resource_types import Inputs, Made, ProvisionError, ResourceType, Workbench, automatic_name


def _function(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    client = bench.cloud.client("lambda")
    _check_log_group(inputs, name)
    made = client.create_function(
        FunctionName=name,
        Role=inputs.need("role"),
        Code={"ZipFile": zip_archive(inputs.need("code"))},
        Tags=inputs.take("tags") or {},
        **_nested(inputs),
        **inputs.renamed(
            {
                "architectures": "Architectures",
                "description": "Description",
                "handler": "Handler",
                "kmsKeyArn": "KMSKeyArn",
                "memorySize": "MemorySize",
                "runtime": "Runtime",
                "timeout": "Timeout",
            }
        ),
    )
    if (limit := inputs.take("reservedConcurrentExecutions")) is not None:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=limit)
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


def _nested(inputs: Inputs) -> dict[str, Any]:
    parts = {
        "Environment": (inputs.child("environment"), {"variables": "Variables"}),
        "DeadLetterConfig": (inputs.child("deadLetterConfig"), {"targetArn": "TargetArn"}),
        "TracingConfig": (inputs.child("tracingConfig"), {"mode": "Mode"}),
    }
    return {api: part.renamed(names) for api, (part, names) in parts.items() if part}


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


TYPES: Mapping[str, ResourceType] = {
    "aws:lambda/function:Function": ResourceType(create=_function),
    "aws:lambda/permission:Permission": ResourceType(create=_permission),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": ResourceType(create=_event_invoke_config),
}
