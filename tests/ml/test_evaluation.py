"""The evaluation document: SageMaker's schema, honest numbers, no NaN that JSON does not know."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from ml import catalogue, evaluation
from ml.errors import RoadError


class Oracle:
    """A classifier that answers with given probabilities."""

    def __init__(self, classes: list[Any], probabilities: Any) -> None:
        self.classes_ = np.array(classes)
        self.probabilities = np.array(probabilities, dtype=float)

    def predict_proba(self, rows: Any) -> Any:
        return self.probabilities


def examine(model: Any, rows: Any, target: Any) -> bytes:
    """Return the document of a classifier."""
    task = catalogue.CLASSIFICATION
    return evaluation.evaluate(evaluation.Examination(task=task, model=model, fit_rows=rows, rows=rows, target=target))


def evaluate(classes: list[Any], target: list[Any], probabilities: Any) -> Any:
    return json.loads(examine(Oracle(classes, probabilities), np.zeros((len(target), 1)), np.array(target)))


def test_two_classes_give_the_binary_schema() -> None:
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
    document = evaluate(["no", "yes"], ["no", "yes", "yes", "no"], probabilities)
    found = document["binary_classification_metrics"]

    assert document["dataset"] == {"item_count": 4}
    assert found["accuracy"]["value"] == 0.5
    assert found["accuracy"]["standard_deviation"] == pytest.approx(0.25, abs=0.02)
    assert found["average_precision"]["standard_deviation"] == "NaN"
    assert (found["precision"]["value"], found["recall"]["value"], found["f1"]["value"]) == (0.5, 0.5, 0.5)
    assert found["auc"]["value"] == 0.75
    assert found["brier"]["value"] == pytest.approx(np.mean(np.square([0.1, 0.2, 0.6, 0.7])))
    assert found["log_loss"]["value"] == pytest.approx(-np.mean(np.log([0.9, 0.8, 0.4, 0.3])))
    assert found["confusion_matrix"] == {"no": {"no": 1, "yes": 1}, "yes": {"no": 1, "yes": 1}}


def test_more_classes_give_the_multiclass_schema() -> None:
    probabilities = [[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.5, 0.2, 0.3]]
    target = ["a", "b", "c", "b"]
    document = evaluate(["a", "b", "c"], target, probabilities)
    found = document["multiclass_classification_metrics"]

    assert found["accuracy"]["value"] == accuracy_score(target, ["a", "b", "c", "a"])
    assert found["weighted_f1"]["value"] == f1_score(target, ["a", "b", "c", "a"], average="weighted")
    assert found["auc"]["value"] == roc_auc_score(target, probabilities, multi_class="ovr", average="weighted")
    assert found["confusion_matrix"]["b"] == {"a": 1, "b": 1, "c": 0}


def test_every_metric_of_the_catalogue_is_reported_for_both_kinds(numeric: SimpleNamespace) -> None:
    rows, target = numeric.table.rows[:200], numeric.table.target[:200]
    binary = examine(numeric.trained.model, rows, target)
    thirds = np.full((3, 3), 0.2) + np.eye(3) * 0.4
    multiclass = examine(Oracle([0, 1, 2], thirds), np.zeros((3, 1)), np.array([0, 1, 2]))

    for document in (binary, multiclass):
        found = evaluation.reportable(document)
        assert found.keys() == set(catalogue.TASK_METRICS[catalogue.CLASSIFICATION])
        for name in found:
            metric = catalogue.METRICS[name]
            assert metric.low <= found[name] <= metric.high


def test_the_document_is_strict_json_and_always_the_same(numeric: SimpleNamespace) -> None:
    rows, target = numeric.table.rows[:200], numeric.table.target[:200]
    first = examine(numeric.trained.model, rows, target)

    assert first == examine(numeric.trained.model, rows, target)
    json.loads(first, parse_constant=pytest.fail)


@pytest.mark.parametrize("value", ["NaN", None, "0.9", True])
def test_a_metric_without_a_finite_value_stops_the_build(numeric: SimpleNamespace, value: object) -> None:
    rows, target = numeric.table.rows[:200], numeric.table.target[:200]
    document = json.loads(examine(numeric.trained.model, rows, target))
    document["binary_classification_metrics"]["auc"]["value"] = value
    with pytest.raises(RoadError, match="no finite value for auc; nothing was registered"):
        evaluation.reportable(json.dumps(document).encode())
