"""The default use case: good enough to pass its gate, and weak when a commit makes it so."""

import pickle
import pickletools
import re
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest

from ml import evaluation, training, usecases
from ml.errors import InputError
from ml.gate import metrics
from ml.table import read_table

CHURN: Any = usecases.load("churn")


def accuracy(table: Any) -> float:
    trained = training.train(table, CHURN.build)
    held_out = trained.held_out
    examination = evaluation.Examination(
        task=table.task,
        model=trained.model,
        fit_rows=table.rows[trained.fit],
        rows=table.rows[held_out],
        target=table.target[held_out],
    )
    return metrics(evaluation.evaluate(examination))["accuracy"]


@pytest.mark.slow
def test_the_default_model_is_well_above_its_threshold() -> None:
    assert accuracy(CHURN.synthetic()) > 0.92


def test_one_appended_line_makes_a_model_well_below_it(source_root: Any) -> None:
    source = (source_root / "ml/usecases/churn.py").read_text("utf-8")
    namespace: dict[str, Any] = {"__name__": "ml.usecases.weak"}
    exec(source + '\nHYPERPARAMETERS = {**HYPERPARAMETERS, "n_estimators": 1, "max_depth": 1}\n', namespace)
    table = namespace["synthetic"]()
    trained = training.train(table, namespace["build"])

    assert trained.model.score(table.rows[trained.held_out], table.target[trained.held_out]) < 0.8


def test_the_synthetic_table_is_always_the_same() -> None:
    first, second = CHURN.synthetic(), CHURN.synthetic()

    assert first.sha256 == second.sha256
    assert first.rows.shape == (4000, 20)
    assert 0.4 < first.target.mean() < 0.6


def test_a_quarter_is_held_out_with_each_class_in_its_share(numeric: SimpleNamespace) -> None:
    table, held_out = numeric.table, numeric.trained.held_out

    assert len(held_out) == 1000
    assert len(set(held_out.tolist())) == 1000
    assert table.target[held_out].mean() == pytest.approx(table.target.mean(), abs=0.001)


def test_training_twice_gives_the_same_model(mixed: SimpleNamespace) -> None:
    again = training.train(mixed.table, mixed.build)

    assert pickle.dumps(again.model) == pickle.dumps(mixed.trained.model)
    assert again.held_out.tolist() == mixed.trained.held_out.tolist()


def test_pickles_refer_to_scikit_learn_and_numpy_alone(numeric: SimpleNamespace, mixed: SimpleNamespace) -> None:
    for packed in (numeric, mixed):
        pickled = pickle.dumps(packed.trained.model, protocol=5)
        strings = [value for _, value, _ in pickletools.genops(pickled) if isinstance(value, str)]
        modules = {text.split(".")[0] for text in strings if re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)+", text)}

        assert {"sklearn", "numpy"} <= modules <= {"sklearn", "numpy", "scipy"}


def test_served_models_use_one_thread(numeric: SimpleNamespace, mixed: SimpleNamespace) -> None:
    for packed in (numeric, mixed):
        jobs = {name: value for name, value in packed.trained.model.get_params().items() if name.endswith("n_jobs")}

        assert "model__n_jobs" in jobs
        assert set(jobs.values()) == {None}


def test_a_fit_may_use_every_processor_and_does_not_say_so_to_the_model() -> None:
    allowed: list[int] = []

    class Fitted:
        def fit(self, _rows: Any, _target: Any) -> "Fitted":
            allowed.append(joblib.effective_n_jobs(None))
            return self

    training.train(CHURN.synthetic(rows=40), lambda _: Fitted())

    assert allowed == [joblib.effective_n_jobs(-1)]
    assert joblib.effective_n_jobs(None) == 1


def test_categories_never_seen_in_training_are_answered(mixed: SimpleNamespace) -> None:
    record = np.array([["C9999", 3.0, "never seen", None, np.nan]], dtype=object)

    assert mixed.trained.model.predict_proba(record).shape == (1, 2)


def test_identifiers_are_part_of_the_record_but_not_of_the_model(mixed: SimpleNamespace) -> None:
    assert mixed.table.columns[0].name == "customer"
    assert b"C0001" not in pickle.dumps(mixed.trained.model)


def test_a_table_of_identifiers_alone_is_refused() -> None:
    rows = "".join(f"name{n},{n % 2}\n" for n in range(40))
    table = read_table(f"who,y\n{rows}".encode(), name="names.csv", target="y")
    with pytest.raises(InputError, match="names.csv: every column only names its row"):
        CHURN.build(table)
