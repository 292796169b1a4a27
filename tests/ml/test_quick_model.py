"""The quick answers are the model's own, bit by bit, and so are the refusals: whatever the forest or the rows."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from ml import quick_forest, quick_model, quick_records
from ml.preparation import pipeline
from ml.table import Column, Table

pytestmark = pytest.mark.slow

CLASSIFIERS = [RandomForestClassifier, ExtraTreesClassifier]
REGRESSORS = [RandomForestRegressor, ExtraTreesRegressor]
PLANS, CITIES = ["basic", "plus", "pro, yearly"], ["Graz", "Łódź", "", None]


def outcome(model: Any, method: str, rows: Any) -> tuple[str, Any]:
    """Return what the method answers, or what it raises, in a form that can be compared exactly."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = getattr(model, method)(rows)
    except (ValueError, TypeError, AttributeError) as error:
        return type(error).__name__, str(error)
    return str(found.dtype), (found.shape, found.tobytes() if found.dtype != object else found.tolist())


def assert_equal(model: Any, rows: Any) -> None:
    quick = quick_model.speed_up(model)
    for method in ("predict", "predict_proba"):
        if hasattr(model, method):
            assert outcome(quick, method, rows) == outcome(model, method, rows)


def thresholds(forest: Any) -> NDArray[np.float64]:
    return np.unique(np.concatenate([tree.tree_.threshold for tree in forest.estimators_]))


def hard_rows(rng: np.random.Generator, forest: Any, count: int, width: int, missing: float) -> NDArray[np.float64]:
    """Rows that lie on the thresholds and one float32 beside them, half of them, and far away."""
    rows = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-3, 3)
    on = rng.choice(thresholds(forest), size=rows.shape)
    beside = np.nextafter(on.astype(np.float32), np.float32(rng.choice([-np.inf, np.inf]))).astype(np.float64)
    kind = rng.integers(0, 4, size=rows.shape)
    rows = np.where(kind == 0, on, np.where(kind == 1, beside, rows))
    rows[rng.random(rows.shape) < 0.02] = rng.choice([3.4028234e38, -3.4028234e38, 0.0, -0.0, 1e-300])
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def grown(rng: np.random.Generator, kind: Any, classes: int, **settings_: Any) -> tuple[Any, int]:
    """Return a forest of the given kind for random data, perhaps weighted and with gaps, and its number of columns."""
    count, width = int(rng.integers(8, 160)), int(rng.integers(1, 7))
    rows = np.round(rng.normal(size=(count, width)), int(rng.integers(0, 4)))
    if rng.random() < 0.5:
        rows[rng.random(rows.shape) < 0.2] = np.nan
    target = np.arange(count) % classes if classes else rng.normal(size=count)
    rng.shuffle(target)
    weights = rng.random(count) if rng.random() < 0.5 else None
    forest = kind(random_state=0, **settings_).fit(rows, target, sample_weight=weights)
    return forest, width


# --- forests alone


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(CLASSIFIERS + REGRESSORS),
    trees=st.sampled_from([1, 2, 5, 30]),
    depth=st.sampled_from([None, 1, 3]),
    leaves=st.sampled_from([None, 2, 7]),
    count=st.sampled_from([1, 2, 31, 32, 70]),
    missing=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_a_forest_is_answered_bit_by_bit(seed: int, kind: Any, count: int, missing: float, **shape: Any) -> None:
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 5)) if kind in CLASSIFIERS else 0
    names = {"trees": "n_estimators", "depth": "max_depth", "leaves": "max_leaf_nodes"}
    forest, width = grown(rng, kind, classes, **{names[key]: value for key, value in shape.items()})

    assert_equal(forest, hard_rows(rng, forest, count, width, missing))


def test_the_values_of_many_trees_are_added_in_the_forests_order() -> None:
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(80, 3))
    forest = RandomForestRegressor(60, random_state=0).fit(rows, rng.normal(size=80))

    for index in range(12):
        assert_equal(forest, rows[index : index + 1])


@pytest.mark.parametrize("kind", CLASSIFIERS + REGRESSORS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, -1e300])
@pytest.mark.parametrize("count", [1, 40])
def test_what_the_forest_refuses_is_refused_in_its_words(kind: Any, value: float, count: int) -> None:
    forest, width = grown(np.random.default_rng(5), kind, 2)
    rows = np.zeros((count, width))
    rows[-1, 0] = value

    assert outcome(quick_model.speed_up(forest), "predict", rows)[0] == "ValueError"
    assert_equal(forest, rows)


@pytest.mark.parametrize(
    "rows",
    [
        [[0.5, 1.0]], np.array([[0.5, 1.0]], dtype=np.float32), np.array([[1, 2]]),
        np.array([[0.5, None]], dtype=object), np.array([["0.5", "1"]], dtype=object),
        np.zeros((0, 2)), np.zeros((1, 3)), np.zeros(2), np.zeros((1, 1)),
        np.asfortranarray(np.arange(80.0).reshape(40, 2)), np.arange(80.0).reshape(40, 2)[::-2],
    ],
)  # fmt: skip
def test_rows_of_another_form_are_the_forests_own_matter(rows: Any) -> None:
    rng = np.random.default_rng(0)
    for kind in (RandomForestClassifier, RandomForestRegressor):
        assert_equal(kind(5, random_state=0).fit(rng.normal(size=(50, 2)), np.arange(50) % 2), rows)


@pytest.mark.parametrize("kind", CLASSIFIERS + REGRESSORS)
@pytest.mark.parametrize("count", [1, 5])
def test_a_forest_too_large_to_join_is_answered_as_well(kind: Any, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    forest, width = grown(rng, kind, 2)
    monkeypatch.setattr(quick_forest, "MOST_NODES", 10)

    assert_equal(forest, hard_rows(rng, forest, count, width, 0.1))


def test_gaps_in_rows_are_refused_by_trees_that_cannot_take_them() -> None:
    rng = np.random.default_rng(1)
    forest = ExtraTreesRegressor(5, random_state=0).fit(rng.normal(size=(60, 2)), rng.normal(size=60))
    # scikit-learn's forests have no such trees today; one of this kind says that it takes none.
    forest.estimators_[0].splitter = "best"

    assert outcome(quick_model.speed_up(forest), "predict", np.array([[np.nan, 1.0]]))[0] == "ValueError"
    assert_equal(forest, np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestRegressor(5, monotonic_cst=[1, 0], random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
        LogisticRegression(),
    ],
)
def test_what_is_not_known_stays_as_it_is(forest: Any) -> None:
    rng = np.random.default_rng(2)
    forest.fit(rng.normal(size=(60, 2)), np.arange(60) % 2)

    assert quick_model.speed_up(forest) is forest


def test_a_forest_of_two_targets_stays_as_it_is() -> None:
    rng = np.random.default_rng(2)
    forest = RandomForestRegressor(5, random_state=0).fit(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)))

    assert quick_model.speed_up(forest) is forest


# --- pipelines of records


def customers(rng: np.random.Generator, count: int) -> NDArray[Any]:
    """Records of two numeric columns with gaps and two of text, among it rare, unknown and missing values."""
    rows = np.empty((count, 4), dtype=object)
    rows[:, 0] = rng.integers(1, 60, count).astype(float)
    rows[:, 1] = np.where(rng.random(count) < 0.2, np.nan, rng.normal(50, 9, count))
    rows[:, 2] = rng.choice(np.array([*PLANS, *PLANS, "rare", "never seen", "\0", "x" * 20], dtype=object), count)
    rows[:, 3] = rng.choice(np.array(CITIES, dtype=object), count)
    return rows


def fitted(model: Any, rng: np.random.Generator, *, scaled: bool) -> Pipeline:
    rows = customers(rng, 300)
    rows[:, 2] = rng.choice(np.array(PLANS, dtype=object), 300)
    rows[:2, 2] = "rare"
    columns = tuple(
        Column(name=name, kind=kind, missing=True)
        for name, kind in (
            ("months", "numeric"),
            ("spend", "numeric"),
            ("plan", "categorical"),
            ("city", "categorical"),
        )
    )
    table = Table(
        source="customers", target_column="left", task="classification", columns=columns, rows=rows,
        target=np.arange(300) % 2, sha256="", notes=(),
    )  # fmt: skip
    return pipeline(table, model, scaled=scaled).fit(rows, (rows[:, 0].astype(float) > 30).astype(int))


MODELS = [
    RandomForestClassifier(7, random_state=0),
    RandomForestRegressor(7, random_state=0),
    LogisticRegression(max_iter=500),
    Ridge(),
    HistGradientBoostingClassifier(max_iter=5),
]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_records_with_text_are_answered_bit_by_bit(model: Any, scaled: bool) -> None:
    rng = np.random.default_rng(3)
    whole = fitted(model, rng, scaled=scaled)

    assert isinstance(quick_model.speed_up(whole).records, quick_records.QuickRecords)
    for count in (1, 1, 1, 1, 2, 40):
        assert_equal(whole, customers(rng, count))


@pytest.fixture(scope="module")
def scaled_forest() -> Pipeline:
    return fitted(RandomForestClassifier(5, random_state=0), np.random.default_rng(4), scaled=True)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.floats(), st.none(), st.integers(-9, 9)),
            st.one_of(st.floats(allow_infinity=False), st.just(np.nan)),
            st.one_of(st.sampled_from([*PLANS, "rare", None]), st.text(max_size=3), st.integers(), st.just(np.nan)),
            st.one_of(st.sampled_from(CITIES), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_record_is_answered_or_refused_as_by_the_model(scaled_forest: Any, rows: list[Any]) -> None:
    content = np.empty((len(rows), 4), dtype=object)
    for index, row in enumerate(rows):
        content[index] = row

    assert_equal(scaled_forest, content)


@pytest.mark.parametrize(
    "parts",
    [
        [("text", OneHotEncoder(handle_unknown="error", sparse_output=False), [2])],
        [("text", OneHotEncoder(handle_unknown="ignore", sparse_output=False, drop="first"), [2])],
        [("text", OrdinalEncoder(), [2])],
        [("numbers", SimpleImputer(strategy="most_frequent"), [0, 1])],
        [("numbers", SimpleImputer(add_indicator=True), [0, 1])],
        [("numbers", StandardScaler(), [0, 1])],
        [("numbers", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler(with_mean=False))]), [0, 1])],
        [("numbers", Pipeline([("fill", SimpleImputer()), ("turn", PCA(1))]), [0, 1])],
        [("numbers", SimpleImputer(), slice(0, 2))],
    ],
)  # fmt: skip
def test_transformers_of_other_kinds_are_left_alone(parts: Any) -> None:
    rng = np.random.default_rng(6)
    rows = customers(rng, 80)
    last = HistGradientBoostingRegressor(max_iter=5)
    whole = Pipeline([("records", ColumnTransformer(parts)), ("model", last)]).fit(rows, np.arange(80.0))

    assert not isinstance(quick_model.speed_up(whole).records, quick_records.QuickRecords)
    assert_equal(whole, rows[:3])
    assert_equal(whole, np.array([[1.0, 2.0, "never", "Graz"]], dtype=object))


def test_a_column_that_training_never_saw_filled_is_left_to_the_imputer() -> None:
    rows = np.column_stack([np.arange(9.0), np.full(9, np.nan)])
    numbers = ColumnTransformer([("numbers", SimpleImputer(strategy="median"), [0, 1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = Pipeline([("records", numbers), ("model", Ridge())]).fit(rows, np.arange(9.0))
        assert_equal(whole, rows[:2])


def test_longer_pipelines_keep_their_steps() -> None:
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(60, 3))
    steps = [("scale", StandardScaler()), ("turn", PCA(2)), ("model", RandomForestClassifier(5, random_state=0))]

    assert_equal(Pipeline(steps).fit(rows, np.arange(60) % 2), rows[:5])
