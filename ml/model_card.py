"""Write the card that the registry keeps beside a version: what the model is for, made from, and how well it does.

In the JSON schema for a model package's card (SageMaker developer guide, "Model package model card schema").
"""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

from ml import catalogue, contract
from ml.errors import RoadError
from ml.gate import METRIC_GROUPS, is_finite, one_line
from ml.package_request import Candidate

LONGEST_CARD = 100_000
RISK_RATINGS = ("High", "Medium", "Low", "Unknown")

_TEXT, _SHORT, _NAME, _AXIS = 2048, 1024, 255, 63
"""Characters that the schema allows for prose, single facts, names of parameters, and names of axes."""

_MOST_CLASSES = 20
"""Rows and columns of a matrix in the schema."""

_INTENDED = (
    "intended_uses",
    "factors_affecting_model_efficiency",
    "risk_rating",
    "explanations_for_risk_rating",
)
_BUSINESS = ("business_problem", "business_stakeholders", "line_of_business")
_CAUTION = ("ethical_considerations", "caveats_and_recommendations")


def content(
    candidate: Candidate,
    *,
    evaluation: bytes,
    archive: bytes,
    thresholds: Mapping[str, object],
    words: Mapping[str, str],
) -> str:
    """Return the card's JSON text, in one line of at most 100 000 characters.

    `words` are the use case's own (ml.usecases.card_words). Raises RoadError for a word that no card has.
    """
    unknown = sorted(words.keys() - {"purpose_of_model", *_INTENDED, *_BUSINESS, *_CAUTION})
    rating = words.get("risk_rating", "Unknown")
    if unknown or rating not in RISK_RATINGS:
        wrong = f"the key {unknown[0]!r}" if unknown else f"the risk_rating {rating!r}"
        raise RoadError(
            f"CARD of use case {candidate.use_case} has {wrong}, which no model card has. See ml/model_card.py"
        )
    metadata, measured = _metadata(archive), json.loads(evaluation)
    business = _said(words, _BUSINESS)
    card = {
        "model_overview": {
            "model_creator": one_line(f"{candidate.repository}, commit {candidate.commit}", _SHORT),
            "model_artifact": [candidate.archive_uri],
        },
        "intended_uses": {**_said(words, ("purpose_of_model", *_INTENDED)), "risk_rating": rating},
        **({"business_details": business} if business else {}),
        "training_details": _training(candidate, metadata, measured),
        "evaluation_details": [_evaluation(candidate, measured, thresholds)],
        "additional_information": {**_said(words, _CAUTION), "custom_details": _origin(candidate, metadata)},
    }
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if len(text) > LONGEST_CARD:
        raise RoadError(f"the model card has {len(text)} characters, the registry takes {LONGEST_CARD}. Shorten CARD")
    return text


def _metadata(archive: bytes) -> dict[str, Any]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
        file = members.extractfile(contract.METADATA_FILE)
        return dict(json.load(file)) if file else {}


def _said(words: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    return {key: one_line(words[key], _TEXT) for key in keys if words.get(key)}


def _training(candidate: Candidate, metadata: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(metadata["libraries"].items()))
    aim = f"{metadata['task']} of {metadata['target']!r}" if metadata["target"] else metadata["task"]
    observations = f"{metadata['estimator']}, {aim} by {len(metadata['columns'])} columns; {libraries}"
    source = (measured.get("data") or {}).get("source", "data")
    return {
        "training_observations": one_line(observations, _SHORT),
        "training_job_details": {
            "training_datasets": [one_line(f"{source} (SHA-256 {candidate.data_sha256})", _SHORT)],
            "training_environment": {"container_image": [candidate.image]},
            "user_provided_hyper_parameters": [
                {"name": one_line(name, _NAME), "value": one_line(str(value), _NAME) or "''"}
                for name, value in sorted(metadata["hyperparameters"].items())
            ],
        },
    }


def _evaluation(candidate: Candidate, measured: Mapping[str, Any], thresholds: Mapping[str, object]) -> dict[str, Any]:
    limits = ", ".join(
        f"{name} {'at least' if catalogue.METRICS[name].higher_is_better else 'at most'} {limit}"
        for name, limit in thresholds.items()
        if name in catalogue.METRICS
    )
    observed = f"{candidate.summary}. Limits of the stack: {limits or 'not known to the build'}"
    return {
        "name": "Held-out rows",
        "evaluation_observation": one_line(observed, _TEXT),
        "datasets": [candidate.evaluation_uri],
        "metadata": {
            "evaluation_sha256": candidate.evaluation_sha256,
            "held_out_rows": str(measured["dataset"]["item_count"]),
        },
        "metric_groups": list(_metric_groups(measured)),
    }


def _metric_groups(measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the metrics with their intervals, the best constant answer's, and the classes that were mixed up."""
    group = next(measured[name] for name in METRIC_GROUPS if name in measured)
    intervals = measured.get("intervals", {})
    metrics = []
    for name, entry in sorted(group.items()):
        if not isinstance(entry, dict) or not is_finite(entry.get("value")):
            continue
        ends = intervals.get("metrics", {}).get(name, {})
        notes = f"{ends['lower']} to {ends['upper']}, confidence {intervals['confidence']}" if ends else "no interval"
        metrics.append({"name": name, "type": "number", "value": entry["value"], "notes": notes})
    yield {"name": "Metrics", "metric_data": metrics}
    baseline = measured.get("baseline", {}).get("metrics", {})
    constant = [
        {"name": name, "type": "number", "value": value} for name, value in sorted(baseline.items()) if is_finite(value)
    ]
    if constant:
        yield {"name": "Best constant answer", "metric_data": constant}
    confusion = group.get("confusion_matrix")
    if confusion and len(confusion) <= _MOST_CLASSES:
        yield {"name": "Confusion matrix", "metric_data": [_matrix(confusion)]}


def _matrix(confusion: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    labels = list(confusion)
    axis = [one_line(label, _AXIS) for label in labels]
    return {
        "name": "actual by predicted",
        "type": "matrix",
        "value": [[confusion[actual].get(predicted, 0) for predicted in labels] for actual in labels],
        "x_axis_name": axis,
        "y_axis_name": axis,
    }


def _origin(candidate: Candidate, metadata: Mapping[str, Any]) -> dict[str, str]:
    return {
        "commit": candidate.commit,
        "pipeline_execution": candidate.execution,
        "data_sha256": candidate.data_sha256,
        "model_sha256": candidate.archive_sha256,
        "python": metadata["python"],
    }
