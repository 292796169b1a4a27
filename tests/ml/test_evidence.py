"""What an approver gets to see of a model beside its metrics: curves, importance, slices, the data and its leaks."""

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.inspection import permutation_importance
from sklearn.metrics import auc, average_precision_score, brier_score_loss, roc_auc_score

from ml import catalogue, contract, evaluation, evidence, leakage, training, usecases
from ml.evaluation import curves, importance, slices
from ml.synthetic import numeric_table
from ml.table import Column, Table, read_table

pytestmark = pytest.mark.slow


def gathered(table: Table, trained: training.Trained, use_case: str = "churn") -> Any:
    return json.loads(evidence.gather(table, trained, use_case=use_case, confidence=0.95).document)


@pytest.fixture(scope="module")
def document(mixed: SimpleNamespace) -> Any:
    return gathered(mixed.table, mixed.trained)


# --- the document


def test_the_document_of_a_real_table_has_every_part(document: Any, mixed: SimpleNamespace) -> None:
    group = document["binary_classification_metrics"]
    assert group["receiver_operating_characteristic_curve"].keys() == {"false_positive_rates", "true_positive_rates"}
    assert group["precision_recall_curve"].keys() == {"precisions", "recalls"}
    assert sum(part["rows"] for part in document["calibration"]) == document["dataset"]["item_count"] == 60
    assert document["champion"] is None
    assert {part["column"] for part in document["importance"]["columns"]} == {c.name for c in mixed.table.columns}
    assert "residuals" not in document


def test_the_same_model_gives_the_same_bytes(mixed: SimpleNamespace) -> None:
    once, again = (evidence.gather(mixed.table, mixed.trained, use_case="churn", confidence=0.95) for _ in range(2))
    assert once == again


def test_the_account_of_the_data_counts_what_the_file_holds(document: Any, mixed_csv: bytes) -> None:
    data = document["data"]
    lines = mixed_csv.decode().splitlines()[1:]
    leaving = sum(line.endswith(",yes") for line in lines)
    assert (data["source"], data["rows"], data["held_out_rows"]) == ("customers.csv", 240, 60)
    assert data["target"] == {"column": "churned", "classes": {"no": 240 - leaving, "yes": leaving}}
    by_name = {column["name"]: column for column in data["columns"]}
    assert by_name["customer"] == {"name": "customer", "kind": "categorical", "missing": 0, "distinct": 240}
    assert (by_name["spend"]["kind"], by_name["spend"]["missing"]) == ("numeric", 27)
    assert by_name["city"]["distinct"] == 2
    assert data["leaks"] == []


def test_a_regression_shows_residuals_and_quantiles() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(2000, 3))
    table = numeric_table("maintenance", rows, rows[:, 0] * 9 + rng.normal(size=2000), source="made up")
    trained = training.train(table, usecases.load("maintenance").build)
    found = gathered(table, trained, "maintenance")
    assert len(found["residuals"]["predicted"]) == len(found["residuals"]["actual"]) == 300
    assert set(found["residuals"]["actual"]) <= set(table.target[trained.held_out])
    assert found["data"]["target"]["quantiles"]["median"] == pytest.approx(np.median(table.target))
    assert found["importance"]["metric"] == "rmse"
    assert found["importance"]["columns"][0]["column"] == "feature_00"
    assert "calibration" not in found


def test_a_clustering_has_slices_but_no_loss() -> None:
    rng = np.random.default_rng(1)
    rows = np.vstack([rng.normal(0, 1, (300, 2)), rng.normal(9, 1, (300, 2))])
    table = numeric_table("segmentation", rows, None, source="made up")
    found = gathered(table, training.train(table, usecases.load("segmentation").build), "segmentation")
    assert "importance" not in found
    assert set(found["slices"][0]["metrics"]) == {"silhouette"}
    assert (found["data"]["target"], found["data"]["leaks"]) == (None, [])


def test_the_widest_table_stays_below_what_the_approval_reads() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(80, 700))
    names = [f"{index}" + "ż" * 500 for index in range(700)]
    table = numeric_table("churn", rows, rows[:, 0] > 0, source="wide", names=names)
    trained = training.train(table, lambda table: usecases.load("churn").build(table).set_params(model__n_estimators=2))
    found = evidence.gather(table, trained, use_case="churn", confidence=0.95).document
    assert len(found) < contract.LARGEST_EVALUATION
    assert json.loads(found)["data"]["notes"] == ["700 columns, of which the first 500 are listed"]


# --- curves


def test_curves_are_thinned_along_themselves_and_keep_their_area_and_ends() -> None:
    rng = np.random.default_rng(3)
    positive = rng.random(20_000) < 0.02
    scores = np.clip(rng.normal(0.3, 0.15, 20_000) + 0.25 * positive, 0, 1)
    roc = curves.receiver_operating_characteristic(positive, scores)
    across, up = roc["false_positive_rates"], roc["true_positive_rates"]
    assert len(across) == len(up) <= 200
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
    assert auc(across, up) == pytest.approx(roc_auc_score(positive, scores), abs=0.003)
    curve = curves.precision_recall(positive, scores)
    recalls, precisions = np.array(curve["recalls"]), np.array(curve["precisions"])
    assert len(recalls) <= 200
    area = -np.sum(np.diff(recalls) * precisions[:-1])
    assert area == pytest.approx(average_precision_score(positive, scores), abs=0.02)


def test_calibration_tells_an_honest_probability_from_a_boast() -> None:
    rng = np.random.default_rng(4)
    honest = rng.random(5000)
    positive = rng.random(5000) < honest
    for part in curves.calibration(positive, honest):
        assert part["predicted"] == pytest.approx(part["observed"], abs=0.06)
    boast = curves.calibration(positive, np.where(honest > 0.5, 1.0, 0.0))
    assert [round(part["predicted"]) for part in boast] == [0, 1]
    assert boast[1]["observed"] < 0.8


# --- what the model lives on


def test_importance_is_scikit_learns_within_what_it_calls_noise(numeric: SimpleNamespace) -> None:
    table, model, held_out = numeric.table, numeric.trained.model, numeric.trained.held_out
    rows, target = table.rows[held_out], table.target[held_out]
    names = [column.name for column in table.columns]
    loss = importance.LOSSES[catalogue.CLASSIFICATION]
    found = importance.by_shuffling(loss, model, rows, target, names=names, confidence=0.95)
    theirs = permutation_importance(
        model, rows, target, scoring=lambda m, r, t: -brier_score_loss(t, m.predict_proba(r)[:, 1]), n_repeats=5
    )
    by_name = {column["column"]: column for column in found["columns"]}
    for name, mean in zip(names, theirs.importances_mean, strict=True):
        assert by_name[name]["lower"] - 0.003 <= mean <= by_name[name]["upper"] + 0.003
    assert [c["mean"] for c in found["columns"]] == sorted((c["mean"] for c in found["columns"]), reverse=True)


def test_what_the_model_does_not_use_is_noise_and_what_it_lives_on_is_not(document: Any) -> None:
    columns = {column["column"]: column for column in document["importance"]["columns"]}
    assert columns["customer"] == {"column": "customer", "mean": 0.0, "lower": 0.0, "upper": 0.0, "noise": True}
    assert not columns["months"]["noise"]
    assert not columns["plan"]["noise"]


@pytest.mark.parametrize("block", [1, 5_000, 2**20])
def test_importance_is_the_same_however_much_is_stacked(
    block: int, mixed: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, target = mixed.table.rows[mixed.trained.held_out], mixed.table.target[mixed.trained.held_out]
    asked: list[int] = []

    class Counted:
        classes_ = mixed.trained.model.classes_

        def predict_proba(self, stacked: Any) -> Any:
            asked.append(stacked.size)
            return mixed.trained.model.predict_proba(stacked)

    names = [column.name for column in mixed.table.columns]
    loss = importance.LOSSES[catalogue.CLASSIFICATION]
    whole = importance.by_shuffling(loss, Counted(), rows, target, names=names, confidence=0.95)
    asked.clear()
    monkeypatch.setattr(importance, "BLOCK", block)
    assert importance.by_shuffling(loss, Counted(), rows, target, names=names, confidence=0.95) == whole
    assert max(asked) <= max(block, rows.size)


# --- slices


def test_a_slice_shows_where_the_model_fails() -> None:
    rng = np.random.default_rng(5)
    city = np.array(["Graz", "Łódź", None], dtype=object)[np.repeat([0, 1, 2], [200, 100, 100])]
    age = rng.uniform(18, 80, 400)
    rows = np.column_stack([city, age.astype(object)])
    wrong = city == "Łódź"
    columns = [Column(name="city", kind="categorical", missing=True), Column(name="age", kind="numeric", missing=False)]
    found = slices.by_column(columns, rows, lambda mask: {"accuracy": 1 - float(wrong[mask].mean())})
    assert [(part["column"], part["value"], part["rows"]) for part in found[:2]] == [
        ("city", "Łódź", 100),
        ("city", "Graz", 200),
    ]
    assert found[0]["gaps"] == {"accuracy": -0.75}
    assert ("city", "missing") in [(part["column"], part["value"]) for part in found]
    ages = [part for part in found if part["column"] == "age"]
    assert sum(part["rows"] for part in ages) == 400
    assert len(ages) == 4


def test_small_slices_and_whole_columns_are_no_slices() -> None:
    rows = np.array([["a"] * 371 + ["b"] * 29, ["c"] * 400], dtype=object).T
    columns = [Column(name=name, kind="categorical", missing=False) for name in ("first", "second")]
    found = slices.by_column(columns, rows, lambda mask: {"accuracy": float(mask.mean())})
    assert [(part["column"], part["value"]) for part in found] == [("first", "a")]


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=40, max_size=200))
@settings(max_examples=50, deadline=None)
def test_every_row_is_in_one_part_of_a_column_at_most(numbers: list[float]) -> None:
    values = np.array(numbers)
    column = Column(name="n", kind="numeric", missing=True)
    parts = list(slices._parts(column, values))
    together = np.sum([mask for _, mask in parts], axis=0)
    assert (together == 1).all()
    assert len({text for text, _ in parts}) == len(parts)


# --- leaks


def leaked(columns: dict[str, Any], target: Any, task: str = catalogue.CLASSIFICATION) -> dict[str, float]:
    text = [",".join([*columns, "y"])]
    for row in zip(*columns.values(), target, strict=True):
        text.append(",".join("" if value is None else str(value) for value in row))
    table = read_table("\n".join(text).encode(), name="t.csv", target="y", task=task)
    return {leak.column: leak.score for leak in leakage.leaks(table)}


RNG = np.random.default_rng(6)
LABELS = RNG.random(600) < 0.3
ID = [f"c{n}" for n in RNG.permutation(600)]


def test_columns_that_know_the_answer_are_named_and_honest_ones_are_not() -> None:
    found = leaked(
        {
            "id": ID,
            "number": RNG.permutation(600),
            "good": LABELS + RNG.normal(0, 0.6, 600),
            "copy": [f"{5 + 2 * label}" for label in LABELS.astype(int)],
            "status": ["closed" if label else "open" for label in LABELS],
            "ended": [20250101 if label else None for label in LABELS],
            "inside": np.where(LABELS, RNG.uniform(4, 6, 600), RNG.choice([1.0, 9.0], 600)),
        },
        LABELS.astype(int),
    )
    assert found.keys() == {"copy", "status", "ended", "inside"}
    assert all(0.99 <= score <= 1 for score in found.values())


def test_a_copy_of_a_quantity_is_named_in_whatever_unit() -> None:
    hours = RNG.exponential(100, 600)
    found = leaked(
        {"minutes": hours * 60, "wear": hours + RNG.normal(0, 50, 600), "id": ID}, hours, catalogue.REGRESSION
    )
    assert found.keys() == {"minutes"}


def test_one_class_of_three_told_apart_is_no_leak_and_all_three_are() -> None:
    labels = RNG.choice(["a", "b", "c"], 600)
    found = leaked({"all": [f"_{label}" for label in labels], "one": [f"{label == 'a'}" for label in labels]}, labels)
    assert found.keys() == {"all"}


@pytest.mark.parametrize("rows", [40, 60])
def test_the_smallest_tables_have_their_leaks_found(rows: int) -> None:
    labels = np.arange(rows) % 4 == 0
    found = leaked({"score": np.where(labels, 5, 1) + RNG.random(rows), "noise": RNG.random(rows)}, labels.astype(int))
    assert found.keys() == {"score"}


@pytest.mark.parametrize("name", catalogue.USE_CASES)
def test_no_use_cases_own_table_leaks(name: str) -> None:
    assert leakage.leaks(usecases.load(name).synthetic()) == ()


def test_a_leak_is_the_first_thing_that_an_approver_reads(numeric: SimpleNamespace) -> None:
    rows = numeric.table.rows.copy()
    rows[:, 3] = numeric.table.target
    table = dataclasses.replace(numeric.table, rows=rows)
    found = evidence.gather(table, training.train(table, numeric.build), use_case="churn", confidence=0.95)
    assert found.summary.startswith("CHECK FIRST: 'feature_03' may hold the answer; churn: accuracy")
    assert found.warnings[0].startswith("column 'feature_03' alone reaches auc 1.000: it may hold the answer. Remove")
    assert json.loads(found.document)["data"]["leaks"] == [{"column": "feature_03", "measure": "auc", "score": 1.0}]


def test_an_evaluation_that_the_approval_could_not_read_is_not_registered(numeric: SimpleNamespace) -> None:
    document = evidence.gather(numeric.table, numeric.trained, use_case="churn", confidence=0.95).document
    with pytest.raises(Exception, match="is longer than"):
        evaluation.reportable(document + b" " * contract.LARGEST_EVALUATION)
