"""A search: seeded, on the rows to fit on alone, the same on one machine or many, and it finds the better model."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats

from ml import catalogue, contract, search, training, usecases
from ml.errors import InputError, RoadError
from ml.search import Found, Plan, Trial
from ml.table import Table

PLAN = Plan(trials=4, folds=3, jobs=1)
SMALL: dict[str, Any] = {"n_estimators": [5], "max_depth": [1, 8], "min_samples_leaf": [1, 60]}


@pytest.fixture
def churn(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The use case with a space of small forests, its own being the worst of them, on fewer rows."""
    module: Any = usecases.load("churn")
    monkeypatch.setattr(module, "HYPERPARAMETERS", {"n_estimators": 1, "max_depth": 1})
    monkeypatch.setattr(module, "SEARCH_SPACE", SMALL)
    return module


@pytest.fixture(scope="module")
def customers() -> Table:
    whole = usecases.load("churn").synthetic()
    return replace(whole, rows=whole.rows[:1000], target=whole.target[:1000])


Tried = Callable[..., Found]


@pytest.fixture
def tried(churn: Any, customers: Table) -> Tried:
    return lambda plan=PLAN: search.search("churn", customers, plan, lambda text: None)


def test_the_search_picks_the_better_model_by_numbers_that_differ(tried: Tried) -> None:
    found = tried()

    own, best = found.trials[0], found.best
    assert own.params == {}
    assert own.score < 0.75 < 0.8 < best.score
    assert best.params == {"n_estimators": 5, "max_depth": 8, "min_samples_leaf": 1}


def test_the_best_is_what_is_fitted(churn: Any) -> None:
    table = churn.synthetic()
    build = search.model_with(churn, {"n_estimators": 5, "max_depth": 8})

    assert training.train(table, build).model[-1].get_params()["max_depth"] == 8


@pytest.mark.slow
def test_the_same_search_finds_the_same(tried: Tried) -> None:
    assert search.write(tried()) == search.write(tried())


@pytest.mark.slow
def test_the_shares_of_several_jobs_are_together_the_whole(tried: Tried) -> None:
    whole = tried()
    shares = [tried(Plan(trials=4, folds=3, jobs=3, share=(index, 3))) for index in range(3)]
    read = [search.read(search.write(share)) for share in shares]

    assert [len(share.trials) for share in shares] == [2, 1, 1]
    assert search.write(read[2].merged(read[:2])) == search.write(whole)


@pytest.mark.parametrize("use_case", sorted(catalogue.USE_CASES))
def test_held_out_rows_are_never_seen(use_case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is told by its bytes; nothing that is fitted or asked may meet one of those that are held out."""
    module = usecases.load(use_case)
    table = module.synthetic()
    _, held_out = usecases.split_of(module)(table)
    secret = {row.tobytes() for row in table.rows[held_out]}
    seen: list[Any] = []

    class Spy:
        classes_ = np.unique(table.target)

        def set_params(self, **params: Any) -> "Spy":
            return self

        def fit(self, rows: Any, target: Any) -> "Spy":
            seen.extend(rows)
            return self

        def predict(self, rows: Any) -> Any:
            seen.extend(rows)
            return np.arange(len(rows)) % 2

        def predict_proba(self, rows: Any) -> Any:
            seen.extend(rows)
            return np.full((len(rows), 2), 0.5)

        def __getitem__(self, part: slice) -> Any:
            return SimpleNamespace(transform=lambda rows: rows)

        def __len__(self) -> int:
            return 2

    monkeypatch.setattr(module, "build", lambda table: Spy())
    search.search(use_case, table, Plan(trials=1, folds=3, jobs=1), lambda text: None)

    assert len({row.tobytes() for row in seen}) == len(table.rows) - len(held_out)
    assert not secret & {row.tobytes() for row in seen}


def test_a_machine_is_never_on_both_sides_of_a_fold() -> None:
    module: Any = usecases.load("maintenance")
    table = module.synthetic()
    fit, _ = module.split(table)
    machines = module.groups(table)

    folds = list(search._folds(module, table, fit, 3))
    assert len(folds) == 3
    for learnt, measured in folds:
        assert not set(machines[learnt]) & set(machines[measured])


def test_a_table_without_machines_has_no_groups() -> None:
    churn: Table = usecases.load("churn").synthetic()

    module: Any = usecases.load("maintenance")
    assert module.groups(churn) is None


# --- what is tried


@pytest.mark.parametrize("trials", [1, 2, 4, 5, 50])
def test_lists_are_drawn_without_repetition_after_the_use_cases_own(trials: int) -> None:
    found = search.candidates(SMALL, trials)

    assert found[0] == {}
    assert len(found) == min(trials, 5)
    assert len({json.dumps(one, sort_keys=True) for one in found}) == len(found)


def test_distributions_are_drawn_as_plain_numbers() -> None:
    found = search.candidates({"max_depth": scipy.stats.randint(2, 9), "ccp_alpha": scipy.stats.uniform(0, 0.1)}, 6)

    assert len(found) == 6
    assert all(type(one["max_depth"]) is int and type(one["ccp_alpha"]) is float for one in found[1:])
    assert found == search.candidates(
        {"max_depth": scipy.stats.randint(2, 9), "ccp_alpha": scipy.stats.uniform(0, 0.1)}, 6
    )


@pytest.mark.parametrize("use_case", sorted(catalogue.USE_CASES))
def test_every_use_case_declares_a_space_of_its_estimators_own_parameters(use_case: str) -> None:
    module: Any = usecases.load(use_case)
    estimator = module.build(module.synthetic())[-1]

    found = search.candidates(module.SEARCH_SPACE, 1000)
    assert len(found) > 10
    for params in found:
        estimator.set_params(**params)._validate_params()


def test_without_a_space_there_is_nothing_to_try(tried: Tried, churn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(churn, "SEARCH_SPACE")

    with pytest.raises(
        InputError, match="use case 'churn' declares no SEARCH_SPACE.* or set training.search.trials to 0"
    ):
        tried()


@pytest.mark.parametrize("space", [{"depth": [3]}, {"max_depth": [-3]}])
def test_what_the_estimator_refuses_is_one_line_that_names_it(
    space: dict[str, Any], tried: Tried, churn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(churn, "SEARCH_SPACE", space)

    with pytest.raises(
        RoadError, match=r"search: \{.*depth.*\} cannot be tried: .*Correct SEARCH_SPACE in ml/usecases/churn.py"
    ):
        tried()


# --- what is found


def found_of(metric: str, *scores: float) -> Found:
    trials = [Trial(index=index, params={"n": index}, score=score) for index, score in enumerate(scores)]
    return Found(metric=metric, folds=3, trials=trials)


@pytest.mark.parametrize(
    ("metric", "scores", "best"),
    [
        ("accuracy", (0.8, 0.9, 0.9), 1),
        ("rmse", (30.0, 20.0, 25.0), 1),
        ("accuracy", (math.nan, 0.1), 1),
        ("rmse", (math.nan, 10.0), 1),
        ("log_loss", (0.3, 0.3), 0),
    ],
)
def test_the_best_is_the_first_of_the_best_in_the_metrics_own_direction(
    metric: str, scores: tuple[float, ...], best: int
) -> None:
    assert found_of(metric, *scores).best.index == best


def test_the_document_holds_every_trial_and_no_number_that_json_lacks() -> None:
    document = found_of("accuracy", 0.8, math.nan).document()

    assert json.loads(json.dumps(document, allow_nan=False)) == {
        "metric": "accuracy",
        "folds": 3,
        "trials": [{"params": {"n": 0}, "score": 0.8}, {"params": {"n": 1}, "score": "NaN"}],
        "best": {"trial": 0, "params": {"n": 0}, "score": 0.8},
    }


def test_without_trials_nothing_is_tried_and_nothing_is_read() -> None:
    plan = Plan.read({})

    assert (plan.trials, plan.share, plan.result) == (0, None, "")
    assert search.settle("churn", usecases.load("churn").synthetic(), plan, lambda uri: b"", print) is None


def test_a_result_of_other_jobs_is_taken_as_it_is() -> None:
    found = found_of("accuracy", 0.8, 0.9)
    plan = Plan.read(
        {contract.TRAINING_SEARCH: '{"trials": 2}', contract.TRAINING_SEARCH_RESULT: "s3://models/search.json"}
    )
    said: list[str] = []
    table = usecases.load("churn").synthetic()

    settled = search.settle(
        "churn", table, plan, {"s3://models/search.json": search.write(found)}.__getitem__, said.append
    )

    assert settled is not None and settled.best.score == 0.9
    assert said == ["search: trial 1 is the best of 2"]
