"""A table with text and gaps, of every task: what training never saw is served, and what does not fit is named."""

import io
import json
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest

from ml import catalogue, contract, inference, packaging, training, usecases
from ml.table import read_table

USE_CASES = {"churn": "churned", "fraud": "churned", "maintenance": "months", "segmentation": ""}
UNSEEN = {
    "customer": "never seen", "months": 7, "plan": "a plan of next year", "city": "Ω", "spend": 12.5, "churned": "maybe"
}  # fmt: skip


@pytest.fixture(scope="module", params=USE_CASES)
def served(request: pytest.FixtureRequest, mixed_csv: bytes) -> SimpleNamespace:
    """Return the model of one use case, made of the customers' table and loaded from its archive."""
    use_case: Any = usecases.load(request.param)
    task = catalogue.USE_CASES[request.param].task
    table = read_table(mixed_csv, name="customers.csv", target=USE_CASES[request.param], task=task)
    few = {"model__n_estimators": 5} if "n_estimators" in use_case.HYPERPARAMETERS else {}
    trained = training.train(table, lambda table: use_case.build(table).set_params(**few))
    packed = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=request.param)
    with tarfile.open(fileobj=io.BytesIO(packed.body)) as archive:
        model, metadata = (archive.extractfile(name) for name in (contract.MODEL_FILE, contract.METADATA_FILE))
        assert model is not None and metadata is not None
        loaded = inference.load(model.read(), json.load(metadata))
    names = [column.name for column in table.columns]
    return SimpleNamespace(model=loaded, names=names, record={name: UNSEEN[name] for name in names})


def ask(served: SimpleNamespace, record: dict[str, Any]) -> tuple[int, Any]:
    status, body, _ = inference.answer(served.model, json.dumps([record]), inference.JSON, inference.JSON)
    return status, json.loads(body)


def test_categories_that_training_never_saw_are_served(served: SimpleNamespace) -> None:
    status, answer = ask(served, served.record)

    assert (status, len(answer["predictions"])) == (200, 1)


def test_a_gap_is_served_where_training_had_gaps(served: SimpleNamespace) -> None:
    assert ask(served, served.record | {"city": None, "spend": None})[0] == 200
    assert ask(served, served.record | {"plan": None}) == (400, {"error": "row 1: column 'plan' must not be empty"})


@pytest.mark.parametrize("column", ["customer", "plan", "spend"])
def test_a_missing_column_is_refused_by_its_name(served: SimpleNamespace, column: str) -> None:
    record = {name: value for name, value in served.record.items() if name != column}
    status, answer = ask(served, record)

    assert (status, answer["error"]) == (
        400, f"row 1: column {column!r} is missing; it has {', '.join(served.names)}"
    )  # fmt: skip


def test_an_unknown_column_and_a_wrong_kind_are_refused_by_name(served: SimpleNamespace) -> None:
    assert ask(served, served.record | {"age": 1})[1]["error"].startswith("row 1: column 'age' is unknown to the model")
    assert "column 'spend' must be a finite number" in ask(served, served.record | {"spend": "much"})[1]["error"]
    assert ask(served, served.record | {"plan": 3})[1] == {"error": "row 1: column 'plan' must be text"}
