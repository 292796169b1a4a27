"""The model card: the registry's schema, told twice by AWS, holds for every use case, and says what the build knows."""

import dataclasses
import json
from typing import Any

import pytest

from ml import catalogue, evaluation, model_card, packaging, training, usecases
from ml.errors import RoadError
from ml.package_request import Candidate
from rehearsal.account import model_card as registry_rules
from tests.ml.test_package_request import CANDIDATE

SMALL = {"model__n_estimators": 5}


def made(name: str) -> dict[str, Any]:
    use_case: Any = usecases.load(name)
    table = use_case.synthetic()
    few = SMALL if "n_estimators" in use_case.HYPERPARAMETERS else {}
    build: Any = lambda table: use_case.build(table).set_params(**few)  # noqa: E731
    trained = training.train(table, build, getattr(use_case, "split", training.split))
    examination = evaluation.Examination(
        task=table.task,
        model=trained.model,
        fit_rows=table.rows[trained.fit],
        rows=table.rows[trained.held_out],
        target=table.target[trained.held_out],
    )
    return {
        "evaluation": evaluation.evaluate(examination),
        "archive": packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=name).body,
        "thresholds": catalogue.USE_CASES[name].thresholds,
        "words": usecases.card_words(use_case),
    }


@pytest.fixture(scope="module")
def churn() -> dict[str, Any]:
    return made("churn")


def described(name: str) -> Candidate:
    return dataclasses.replace(CANDIDATE, use_case=name)


@pytest.mark.parametrize("name", catalogue.USE_CASES)
def test_every_use_cases_card_follows_the_registrys_schema(name: str) -> None:
    text = model_card.content(described(name), **made(name))

    registry_rules.check({"ModelCardContent": text, "ModelCardStatus": "PendingReview"})
    assert text.isascii() and "\n" not in text
    card = json.loads(text)
    assert card["intended_uses"]["purpose_of_model"]
    groups = {group["name"]: group["metric_data"] for group in card["evaluation_details"][0]["metric_groups"]}
    measured = {metric["name"].removeprefix("weighted_") for metric in groups["Metrics"]}
    assert set(catalogue.TASK_METRICS[catalogue.USE_CASES[name].task]) <= measured


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_the_sdks_own_types_of_the_same_schema_take_the_card(churn: dict[str, Any]) -> None:
    # Inside, because it takes seconds.
    from sagemaker.core.shapes.model_card_shapes import ModelCardContent

    card = json.loads(model_card.content(CANDIDATE, **churn))
    taken = ModelCardContent(**card)
    assert taken.evaluation_details[0].name == "Held-out rows"
    with pytest.raises(ValueError, match="risk_rating"):
        ModelCardContent(**{**card, "intended_uses": {"risk_rating": "None"}})


@pytest.mark.parametrize("name", ["churn", "fraud", "maintenance", "segmentation"])
def test_the_projects_own_use_cases_say_what_they_are_for_and_what_they_risk(name: str) -> None:
    words = usecases.card_words(usecases.load(name))
    assert words["risk_rating"] in ("Low", "Medium", "High")
    assert {"intended_uses", "explanations_for_risk_rating", "ethical_considerations"} <= words.keys()


def test_the_card_says_what_was_measured_against_which_limit(churn: dict[str, Any]) -> None:
    card = json.loads(model_card.content(CANDIDATE, **churn))
    measured = json.loads(churn["evaluation"])
    (details,) = card["evaluation_details"]
    groups = {group["name"]: group["metric_data"] for group in details["metric_groups"]}
    accuracy = next(metric for metric in groups["Metrics"] if metric["name"] == "accuracy")

    assert accuracy["value"] == measured["binary_classification_metrics"]["accuracy"]["value"]
    ends = measured["intervals"]["metrics"]["accuracy"]
    assert accuracy["notes"] == f"{ends['lower']} to {ends['upper']}, confidence 0.95"
    assert details["evaluation_observation"].endswith("Limits of the stack: accuracy at least 0.85")
    assert details["metadata"] == {"evaluation_sha256": "b" * 64, "held_out_rows": "1000"}
    constant = {metric["name"]: metric["value"] for metric in groups["Best constant answer"]}
    assert constant["accuracy"] < accuracy["value"]
    (matrix,) = groups["Confusion matrix"]
    assert sum(map(sum, matrix["value"])) == 1000
    assert matrix["x_axis_name"] == ["0", "1"]
    assert matrix["value"][0][1] == measured["binary_classification_metrics"]["confusion_matrix"]["0"]["1"]


def test_the_card_says_where_the_model_comes_from(churn: dict[str, Any]) -> None:
    card = json.loads(model_card.content(CANDIDATE, **churn))
    job = card["training_details"]["training_job_details"]
    parameters = {each["name"]: each["value"] for each in job["user_provided_hyper_parameters"]}

    assert card["model_overview"]["model_artifact"] == [CANDIDATE.archive_uri]
    assert card["model_overview"]["model_creator"] == "model-registry-pipeline-repo, commit 0123abc"
    assert (parameters["n_estimators"], parameters["max_depth"]) == ("5", "None")
    assert (
        "RandomForestClassifier, classification of 'churned' by 20 columns; joblib"
        in (card["training_details"]["training_observations"])
    )
    assert job["training_environment"] == {"container_image": [CANDIDATE.image]}
    origin = card["additional_information"]["custom_details"]
    assert (origin["commit"], origin["data_sha256"], origin["model_sha256"]) == ("0123abc", "c" * 64, "a" * 64)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"intended_use": "x"}, "CARD of use case churn has the key 'intended_use', which no model card has"),
        ({"risk_rating": "low"}, "CARD of use case churn has the risk_rating 'low'"),
    ],
)
def test_words_that_no_card_has_are_refused(churn: dict[str, Any], words: dict[str, str], says: str) -> None:
    with pytest.raises(RoadError, match=says):
        model_card.content(CANDIDATE, **{**churn, "words": words})


def test_long_words_are_cut_to_what_the_schema_allows(churn: dict[str, Any]) -> None:
    words = {"purpose_of_model": "why " * 999, "ethical_considerations": "care\n" * 999}
    text = model_card.content(CANDIDATE, **{**churn, "words": words})

    registry_rules.check({"ModelCardContent": text})
    assert json.loads(text)["intended_uses"]["risk_rating"] == "Unknown"


def test_a_card_that_would_be_too_long_is_refused(churn: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_card, "LONGEST_CARD", 1000)
    with pytest.raises(RoadError, match="characters, the registry takes 1000"):
        model_card.content(CANDIDATE, **churn)
