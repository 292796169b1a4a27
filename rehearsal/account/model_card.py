"""Judge the model card of a model package as the registry does: its JSON, its schema and its state.

The schema is transcribed from AWS's documentation (SageMaker developer guide, "View the details of a model version",
section "Model package model card schema", version 0.1.0). The wording of the refusals is not verified against AWS.
"""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema

from rehearsal.account.calls import AwsError

LONGEST_CONTENT = 100_000
STATUSES = ("Draft", "PendingReview", "Approved", "Archived")


def check(card: Mapping[str, str], before: Mapping[str, str] | None = None) -> None:
    """Raise AwsError unless the registry would keep `card`, where `before` is the one that it replaces."""
    content = card.get("ModelCardContent")
    if before and before.get("ModelCardStatus") == "Archived" and content is not None:
        raise _refusal("Model Card is in Archived state")
    if card.get("ModelCardStatus", STATUSES[0]) not in STATUSES:
        raise _refusal(f"ModelCardStatus must be one of {', '.join(STATUSES)}")
    if content is None:
        return
    if len(content) > LONGEST_CONTENT or "\n" in content:
        raise _refusal(f"ModelCardContent must be one line of at most {LONGEST_CONTENT} characters")
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise _refusal("ModelCardContent is not JSON") from error
    wrong = next(
        iter(sorted(_VALIDATOR.iter_errors(parsed), key=lambda each: list(map(str, each.absolute_path)))), None
    )
    if wrong is not None:
        raise _refusal(f"ModelCardContent: {wrong.json_path}: {wrong.message[:200]}")


def _refusal(text: str) -> AwsError:
    return AwsError("ValidationException", text)


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}


def _named(longest: int) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^.{{1,{longest}}}$"}


def _list(items: Mapping[str, Any], **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **limits}


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def _texts(longest: int, *names: str) -> dict[str, Any]:
    return {name: _text(longest) for name in names}


def _metric(kinds: list[str], value: Mapping[str, Any], x_axis: Mapping[str, Any], y_axis: Mapping[str, Any]) -> Any:
    properties = {
        "name": _named(255),
        "notes": _text(1024),
        "type": {"type": "string", "enum": kinds},
        "value": value,
        "x_axis_name": x_axis,
        "y_axis_name": y_axis,
    }
    return _object(properties, "name", "type", "value")


_NUMBER = {"type": "number"}
_AXIS = _text(63)
_AXES = _list(_AXIS)
_SIMPLE = {"anyOf": [_NUMBER, _text(63), {"type": "boolean"}]}
_POINTS = _list(_list(_NUMBER, minItems=2, maxItems=2), minItems=1)
_MATRIX = _list(_list(_NUMBER, minItems=1, maxItems=20), minItems=1, maxItems=20)
_METRICS = [
    _metric(["number", "string", "boolean"], _SIMPLE, _AXIS, _AXIS),
    _metric(["linear_graph"], _POINTS, _AXIS, _AXIS),
    _metric(["bar_chart"], _list(_NUMBER, minItems=1), _AXES, _AXIS),
    _metric(["matrix"], _MATRIX, _AXES, _AXES),
]
_GROUP = _object({"name": _named(63), "metric_data": _list({"anyOf": _METRICS})}, "name", "metric_data")
_TRAINING_METRIC = _object({"name": _named(255), "notes": _text(1024), "value": _NUMBER}, "name", "value")
_PARAMETER = _object({"name": _named(255), "value": _named(255)}, "name", "value")
_JOB = _object(
    {
        "training_arn": _text(1024),
        "training_datasets": _list(_text(1024), maxItems=15),
        "training_environment": _object({"container_image": _list(_text(1024), maxItems=15)}),
        "training_metrics": _list(_TRAINING_METRIC, maxItems=50),
        "user_provided_training_metrics": _list(_TRAINING_METRIC, maxItems=50),
        "hyper_parameters": _list(_PARAMETER, maxItems=100),
        "user_provided_hyper_parameters": _list(_PARAMETER, maxItems=100),
    }
)
_INTENDED_USES = _object(
    {
        **_texts(2048, "purpose_of_model", "intended_uses", "factors_affecting_model_efficiency"),
        "explanations_for_risk_rating": _text(2048),
        "risk_rating": {"type": "string", "enum": ["High", "Medium", "Low", "Unknown"]},
    }
)
_EVALUATION = _object(
    {
        "name": _named(63),
        "evaluation_observation": _text(2096),
        "evaluation_job_arn": _text(256),
        "datasets": _list(_text(1024), maxItems=10),
        "metadata": {"type": "object", "additionalProperties": _text(1024)},
        "metric_groups": _list(_GROUP),
    },
    "name",
)
SCHEMA = _object(
    {
        "model_overview": _object({"model_creator": _text(1024), "model_artifact": _list(_text(1024), maxItems=15)}),
        "intended_uses": _INTENDED_USES,
        "business_details": _object(_texts(2048, "business_problem", "business_stakeholders", "line_of_business")),
        "training_details": _object(
            {
                "objective_function": {"type": "object"},
                "training_observations": _text(1024),
                "training_job_details": _JOB,
            }
        ),
        "evaluation_details": _list(_EVALUATION),
        "additional_information": _object(
            {
                **_texts(2048, "ethical_considerations", "caveats_and_recommendations"),
                "custom_details": {"type": "object", "additionalProperties": _text(1024)},
            }
        ),
    }
)
"""Stricter than AWS's in one way: limits that it puts where JSON schema overlooks them (maxContains) do hold here."""

_VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
