"""A clustering is measured once, and on so many rows that it takes no longer than the rest of the build."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from ml import evidence, packaging, report, search, storage, training, usecases
from ml.evaluation import clustering
from ml.evaluation.champion import Champion
from ml.gate import Verdict
from ml.synthetic import numeric_table
from ml.table import Table
from tests.ml.test_champion import ARN

USE_CASE = usecases.load("segmentation")


def customers(rows: int) -> Table:
    """Return rows in three groups that lie apart, a quarter of which will be held out."""
    rng = np.random.default_rng(9)
    places = rng.normal(9 * rng.integers(0, 3, (rows, 1)), 1, (rows, 2))
    return numeric_table("segmentation", places, None, source="made up")


def fit(table: Table, clusters: int = 3) -> training.Trained:
    return training.train(table, lambda table: USE_CASE.build(table).set_params(model__n_clusters=clusters))


def champion(table: Table) -> Champion:
    trained = fit(table, 4)
    body = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case="segmentation").body
    return Champion(model_package_arn=ARN, version=3, archive_sha256=storage.sha256(body), archive=body, reason="")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows, as the model prepares them, of each call that compares every row with every other; 100 at most."""
    calls: list[Any] = []

    def counted(rows: Any, labels: Any) -> Any:
        calls.append(rows)
        return silhouette_samples(rows, labels)

    monkeypatch.setattr(clustering, "silhouette_samples", counted)
    monkeypatch.setattr(clustering, "MOST_ROWS", 100)
    return calls


def gathered(table: Table, rival: Champion | None = None) -> evidence.Evidence:
    return evidence.gather(table, fit(table), use_case="segmentation", confidence=0.95, champion=rival)


@pytest.mark.slow
def test_every_row_is_compared_once_for_each_model_and_both_with_the_same(measured: list[Any]) -> None:
    table = customers(800)
    gathered(table)
    assert [len(rows) for rows in measured] == [100]
    measured.clear()
    gathered(table, champion(table))
    assert [len(rows) for rows in measured] == [100, 100]
    # Both scale by the rows that they were fitted on, which are the same.
    assert np.array_equal(*measured)


def test_few_rows_are_all_measured(measured: list[Any]) -> None:
    table = customers(400)
    found = gathered(table)
    assert [len(rows) for rows in measured] == [100]
    assert "on 100 held-out rows of made up" in found.summary
    assert json.loads(found.document)["data"]["notes"] == []


def test_a_trial_of_a_search_is_measured_on_as_few(measured: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(USE_CASE, "SEARCH_SPACE", {"n_clusters": [3]})
    search.search("segmentation", customers(800), search.Plan(trials=1, folds=2, jobs=1), lambda text: None)
    assert [len(rows) for rows in measured] == [100, 100]


def test_how_many_rows_were_measured_is_said_to_everybody(measured: list[Any]) -> None:
    found = gathered(customers(800))
    document = json.loads(found.document)
    said = "the model is measured on 100 of the held-out rows, always the same ones"
    assert (document["dataset"]["item_count"], document["data"]["held_out_rows"]) == (100, 200)
    assert sum(document["clustering_metrics"]["sizes"].values()) == 100
    assert document["data"]["notes"] == [said]
    assert "on 100 of 200 held-out rows of made up" in found.summary
    assert said.encode() in report.render(found.document, verdict=Verdict(lines=()), facts={})


def test_the_rows_of_a_large_table_are_drawn_from_all_of_it_and_keep_their_order() -> None:
    rows = np.arange(250_000)
    drawn = clustering.sampled(rows)
    assert len(drawn) == len(np.unique(drawn)) == clustering.MOST_ROWS == 10_000
    assert np.all(np.diff(drawn) > 0)
    assert drawn.mean() == pytest.approx(rows.mean(), rel=0.02)
    assert np.array_equal(drawn, clustering.sampled(rows))
    assert np.array_equal(clustering.sampled(rows[:10_000]), rows[:10_000])
