"""Every use case: its default model passes its own thresholds, a weak one does not, and its archive answers alike."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from ml import catalogue, evaluation, gate, inference, packaging, training, usecases
from ml.synthetic import numeric_table
from ml.table import Table, read_table

pytestmark = pytest.mark.slow

WEAK: dict[str, dict[str, Any]] = {
    "churn": {"n_estimators": 1, "max_depth": 1},
    "fraud": {"n_estimators": 1, "max_depth": 1},
    "maintenance": {"n_estimators": 1, "max_depth": 1},
    "segmentation": {"n_clusters": 9},
}


def document(table: Table, trained: training.Trained) -> bytes:
    return evaluation.evaluate(
        evaluation.Examination(
            task=table.task,
            model=trained.model,
            fit_rows=table.rows[trained.fit],
            rows=table.rows[trained.held_out],
            target=table.target[trained.held_out],
        )
    )


def train(name: str) -> tuple[Table, training.Trained]:
    use_case: Any = usecases.load(name)
    table = use_case.synthetic()
    return table, training.train(table, use_case.build, getattr(use_case, "split", training.split))


@pytest.mark.parametrize("name", catalogue.USE_CASES)
def test_the_default_model_passes_and_its_archive_answers_as_it_does(name: str) -> None:
    table, trained = train(name)
    known = catalogue.USE_CASES[name]
    evidence = document(table, trained)
    verdict = gate.judge_document(evidence, known.thresholds, gate.POINT_RULE)
    assert verdict.approved, verdict.summary
    assert set(evaluation.reportable(evidence)) == set(catalogue.TASK_METRICS[known.task])
    assert document(*train(name)) == evidence

    archive = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=name)
    assert archive == packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=name)
    golden = packaging.golden(
        inference.Model(
            estimator=trained.model,
            columns=tuple(inference.Column(c.name, c.kind == "numeric", c.missing) for c in table.columns),
            classes=tuple(np.asarray(getattr(trained.model, "classes_", ())).tolist()),
            all_numeric=True,
            task=table.task,
        ),
        table.rows[trained.held_out[:3]],
    )
    keys = {"classification": {"label", "probability"}, "regression": {"value"}, "clustering": {"cluster"}}
    assert all(set(answer) == keys[known.task] for answer in golden["predictions"])


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_model_does_not_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = usecases.load(name)
    monkeypatch.setattr(module, "HYPERPARAMETERS", {**module.HYPERPARAMETERS, **WEAK[name]})
    verdict = gate.judge_document(document(*train(name)), catalogue.USE_CASES[name].thresholds, gate.POINT_RULE)
    assert not verdict.approved, verdict.summary


@pytest.mark.parametrize("name", catalogue.USE_CASES)
def test_the_best_constant_answer_does_not_pass(name: str) -> None:
    known = catalogue.USE_CASES[name]
    baseline = json.loads(document(*train(name)))["baseline"]["metrics"]
    assert not gate.judge(baseline, known.thresholds).approved


def test_a_machine_is_held_out_whole() -> None:
    table, trained = train("maintenance")
    machines = table.rows[:, [column.name for column in table.columns].index("machine")]
    assert not set(machines[trained.fit]) & set(machines[trained.held_out])
    held_out = len(trained.held_out) / len(table.rows)
    assert held_out == pytest.approx(training.HELD_OUT_SHARE, abs=0.02)


def test_of_a_table_without_machines_rows_are_held_out() -> None:
    use_case: Any = usecases.load("maintenance")
    table = use_case.synthetic()
    other = dataclasses.replace(table, columns=tuple(dataclasses.replace(c, name=f"{c.name}_") for c in table.columns))
    fit, held_out = use_case.split(other)
    assert len(fit) + len(held_out) == len(table.rows)


def test_a_real_table_of_quantities_goes_all_the_way() -> None:
    features, target = load_diabetes(return_X_y=True)
    table = numeric_table("maintenance", features, target, source="diabetes")
    use_case: Any = usecases.load("maintenance")
    trained = training.train(table, use_case.build)
    found = json.loads(document(table, trained))
    assert found["regression_metrics"]["rmse"]["value"] < found["baseline"]["metrics"]["rmse"]
    ends = found["intervals"]["metrics"]["rmse"]
    assert ends["lower"] < found["regression_metrics"]["rmse"]["value"] < ends["upper"]


# --- tables of the other tasks

QUANTITIES = b"a,b,y\n" + b"".join(b"%d,x,%.1f\n" % (n, n / 3) for n in range(60))


def test_a_quantity_is_read_as_one_and_rows_without_it_are_left_out() -> None:
    table = read_table(QUANTITIES + b"7,x,\n", name="t.csv", target="y", task=catalogue.REGRESSION)
    assert (table.target.dtype, len(table.target)) == (np.float64, 60)
    assert table.notes == ("1 rows without a 'y' are left out",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,y\n" + b"1,2\n" * 60, "is always 2: there is nothing to predict"),
        (b"a,y\n" + b"1,x\n" * 60, "holds text, not a quantity"),
        (b"a,y\n1,2\n2,3\n", "has 2 values; at least 40 are needed"),
        (b"a,z\n1,2\n", "no column 'y'; it has 'a', 'z'"),
    ],
)
def test_what_no_regression_can_learn_from_is_one_line(data: bytes, said: str) -> None:
    with pytest.raises(Exception, match=said):
        read_table(data, name="t.csv", target="y", task=catalogue.REGRESSION)


def test_a_clustering_needs_no_target_and_takes_every_column() -> None:
    table = read_table(QUANTITIES, name="t.csv", target="", task=catalogue.CLUSTERING)
    assert [column.name for column in table.columns] == ["a", "b", "y"]
    assert (table.target_column, set(table.target)) == ("", {0})
    with pytest.raises(Exception, match="2 rows; at least 40"):
        read_table(b"a,b\n1,2\n3,4\n", name="t.csv", target="", task=catalogue.CLUSTERING)
