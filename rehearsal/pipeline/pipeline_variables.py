"""Variables of pipelines: declared with the pipeline, given at its start, made by its actions. Pure.

Source: CodePipeline user guide, "Variables reference"; API reference, StartPipelineExecution. The code of the error for
variables that do not fit is not verified against AWS.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rehearsal.account.calls import AwsError
from rehearsal.pipeline.pipeline_records import ActionError

REFERENCE = re.compile(r"#\{(?P<namespace>[A-Za-z0-9@\-_]+)\.(?P<name>[A-Za-z0-9@\-_]+)\}")
"""A variable in an action's configuration."""

PIPELINE_NAMESPACE = "codepipeline"
VARIABLES_NAMESPACE = "variables"
RESERVED_NAMESPACES = frozenset({PIPELINE_NAMESPACE, VARIABLES_NAMESPACE})


def check_variables(pipeline: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the pipeline's own variables. Raises AwsError where CodePipeline would not accept them."""
    names = [variable["name"] for variable in pipeline.get("variables", [])]
    if names and pipeline["pipelineType"] != "V2":
        text = f"variables are not supported in a pipeline of type {pipeline['pipelineType']}"
        raise AwsError("InvalidStructureException", text)
    for name in names:
        if names.count(name) > 1:
            raise AwsError("InvalidStructureException", f"The variable name {name} has been used more than once")
    return frozenset(names)


def started_with(pipeline: Mapping[str, Any], given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the value of each variable of the pipeline. Raises AwsError for an unknown, repeated or missing one."""
    declared = {variable["name"]: variable.get("defaultValue") for variable in pipeline.get("variables", [])}
    values: dict[str, str | None] = dict(declared)
    for variable in given:
        name = variable["name"]
        if name not in declared:
            raise AwsError("ValidationException", f"The pipeline {pipeline['name']} declares no variable {name}")
        if sum(other["name"] == name for other in given) > 1:
            raise AwsError("ValidationException", f"The variable {name} is given more than once")
        values[name] = variable["value"]
    if missing := [name for name, value in values.items() if value is None]:
        raise AwsError("ValidationException", f"Variables without a default need a value: {', '.join(missing)}")
    return {name: value for name, value in values.items() if value is not None}


def resolved(text: str, variables: Mapping[str, Mapping[str, str]]) -> str:
    """Replace each `#{Namespace.Name}`. Raises ActionError for a variable that its action did not produce."""

    def _replacement(reference: re.Match[str]) -> str:
        try:
            return variables[reference["namespace"]][reference["name"]]
        except KeyError as error:
            raise ActionError("ConfigurationError", f"{reference[0]} has no value: no action produced it") from error

    return REFERENCE.sub(_replacement, text)
