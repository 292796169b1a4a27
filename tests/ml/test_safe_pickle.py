"""A model's pickle names what is on the list or is not loaded: nothing of it runs before that is known."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ml import catalogue, packaging, safe_pickle, training, usecases
from ml.errors import RoadError
from ml.safe_pickle import ForbiddenGlobalError
from ml.table import Table
from tests.ml.gadgets import GADGETS, gadget

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("module", "name", "arguments"), GADGETS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("load", [safe_pickle.loads, safe_pickle.check], ids=["container", "deploy"])
def test_a_pickle_that_names_something_else_is_refused_and_nothing_of_it_runs(
    load: Any, module: str, name: str, arguments: tuple[Any, ...], tmp_path: Path
) -> None:
    shown = tmp_path / "ran"
    with pytest.raises(ForbiddenGlobalError, match=f"names {module}.{name}"):
        load(gadget(module, name, arguments, shown))
    assert not shown.exists()


@pytest.mark.parametrize("index", [1, 3, 6, 11, 17, 21])
def test_the_same_bytes_do_run_where_nobody_looks(index: int, tmp_path: Path) -> None:
    shown = tmp_path / "ran"
    program = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], input=gadget(*GADGETS[index], shown), check=True, timeout=60
    )
    assert shown.exists()


def test_a_reference_to_something_outside_is_refused() -> None:
    for load in (safe_pickle.loads, safe_pickle.check):
        with pytest.raises(ForbiddenGlobalError, match="outside itself"):
            load(b"\x80\x04\x8c\x01xQ.")


@pytest.mark.parametrize("body", [b"", b"not a pickle", b"\x80\x05"])
def test_what_is_no_pickle_is_told_as_such(body: bytes) -> None:
    with pytest.raises(ForbiddenGlobalError, match="cannot be read"):
        safe_pickle.check(body)


# --- no false alarm, and nothing on the list that no estimator needs


def fitted() -> list[Any]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(90, 4))
    two, three, quantity = (rows[:, 0] > 0).astype(int), np.digitize(rows[:, 0], [-0.4, 0.4]), rows[:, 0] * 2
    mixed = np.empty((90, 3), dtype=object)
    mixed[:, 0], mixed[:, 1], mixed[:, 2] = rows[:, 0], [["a", "b", None][n % 3] for n in range(90)], rows[:, 1]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.01, sparse_output=False)
    numbers = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())])
    records = ColumnTransformer([("numbers", numbers, [0, 2]), ("categories", encoder, [1])])
    classifiers = [
        RandomForestClassifier(3), ExtraTreesClassifier(3), HistGradientBoostingClassifier(max_iter=3),
        GradientBoostingClassifier(n_estimators=3), LogisticRegression(), DecisionTreeClassifier(),
    ]  # fmt: skip
    regressors = [
        RandomForestRegressor(3), ExtraTreesRegressor(3), HistGradientBoostingRegressor(max_iter=3),
        GradientBoostingRegressor(n_estimators=3), LinearRegression(), Ridge(), DecisionTreeRegressor(),
    ]  # fmt: skip
    clusterings = [KMeans(3, n_init=2), MiniBatchKMeans(3, n_init=2), GaussianMixture(2)]
    named = np.array(["no", "yes"], dtype=object)[two]
    targets = [(model, target) for model in classifiers for target in (two, three, named)]
    targets += [(model, quantity) for model in regressors] + [(model, None) for model in clusterings]
    models = []
    for model, target in targets:
        models.append(Pipeline([("scale", StandardScaler()), ("model", model)]).fit(rows, target))
        models.append(pickle.loads(pickle.dumps(Pipeline([("records", records), ("model", model)]).fit(mixed, target))))
    return [*models, Pipeline([("scale", StandardScaler()), ("pca", PCA(2)), ("model", KMeans(2, n_init=1))]).fit(rows)]


@pytest.mark.filterwarnings("ignore")
def test_the_list_is_exactly_what_the_offered_estimators_need(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()
    monkeypatch.setattr(safe_pickle, "_check", lambda module, name: used.add(f"{module}.{name}"))
    for model in fitted():
        safe_pickle.loads(pickle.dumps(model, protocol=packaging.PICKLE_PROTOCOL))
    assert used == safe_pickle.ALLOWED


@pytest.mark.parametrize("name", catalogue.USE_CASES)
def test_every_use_cases_model_is_loaded_by_container_and_deploy(name: str) -> None:
    use_case = usecases.load(name)
    table = use_case.synthetic()
    trained = training.train(table, use_case.build)
    pickled = pickle.dumps(trained.model, protocol=packaging.PICKLE_PROTOCOL)
    safe_pickle.check(pickled)
    rows = table.rows[:20]
    assert np.array_equal(safe_pickle.loads(pickled).predict(rows), trained.model.predict(rows))


def test_a_model_of_other_parts_is_refused_before_it_is_registered(mixed: Any) -> None:
    table: Table = mixed.table
    rows = np.arange(20, dtype=float).reshape(-1, 1)
    other = Pipeline([("model", SVC())]).fit(rows, np.arange(20) % 2)
    with pytest.raises(RoadError, match=r"names sklearn.svm._classes.SVC.*nothing was registered"):
        packaging.pack(other, table=table, held_out=np.arange(3), use_case="churn")
