"""Confidence intervals: those of scipy, cell by cell, and none that promises more than the rows can tell."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from ml import catalogue, contract, evaluation, gate
from ml.evaluation import classification, clustering, regression
from ml.evaluation.intervals import CHUNK, Interval, _weights, bootstrap, resamples_for
from ml.evaluation.regression import WeightedErrors
from ml.evaluation.weighted_metrics import WeightedMetrics

pytestmark = pytest.mark.slow

ROWS = 300
RNG = np.random.default_rng(3)
ACTUAL = RNG.integers(0, 2, ROWS)
SCORES = np.clip(0.5 + 0.25 * (ACTUAL - 0.5) + RNG.normal(0, 0.2, ROWS), 0.01, 0.99)
ANSWERS = np.column_stack([1 - SCORES, SCORES])
CLASSES = np.array([0, 1])

LOOPED: dict[str, Any] = {
    "accuracy": lambda y, p: accuracy_score(y, p > 0.5),
    "f1": lambda y, p: f1_score(y, p > 0.5),
    "auc": roc_auc_score,
    "log_loss": lambda y, p: log_loss(y, p, labels=[0, 1]),
    "brier": brier_score_loss,
}


@pytest.mark.parametrize("name", LOOPED)
def test_they_are_those_of_scipy_within_resampling_error(name: str) -> None:
    ours = classification.intervals(CLASSES, ACTUAL, ANSWERS, 0.95).metrics[name]
    theirs = scipy.stats.bootstrap(
        (ACTUAL, SCORES), LOOPED[name], paired=True, vectorized=False, n_resamples=2000, method="BCa",
        rng=np.random.default_rng(5),
    )  # fmt: skip
    near = 0.12 * theirs.standard_error * 2
    assert ours.lower == pytest.approx(theirs.confidence_interval.low, abs=near)
    assert ours.upper == pytest.approx(theirs.confidence_interval.high, abs=near)
    assert ours.deviation == pytest.approx(theirs.standard_error, rel=0.08)


def test_every_metric_lies_within_its_interval_and_equals_scikit_learns() -> None:
    values = classification.metrics(CLASSES, ACTUAL, ANSWERS)
    found = classification.intervals(CLASSES, ACTUAL, ANSWERS, 0.95).metrics
    assert set(values) - set(found) == {"average_precision", "recall_at_precision"} <= catalogue.WITHOUT_INTERVAL
    for name, interval in found.items():
        assert interval.lower <= values[name] <= interval.upper
    [weighted] = WeightedMetrics(ACTUAL, [ANSWERS]).values(WeightedMetrics(ACTUAL, [ANSWERS]).counts[np.newaxis])
    for name, value in weighted.items():
        assert float(value[0]) == pytest.approx(values[name], rel=1e-9)


def test_the_same_rows_give_the_same_bits_and_more_confidence_a_wider_interval() -> None:
    once, again = (classification.intervals(CLASSES, ACTUAL, ANSWERS, 0.95) for _ in range(2))
    assert once == again
    wider = classification.intervals(CLASSES, ACTUAL, ANSWERS, 0.99)
    for name, interval in once.metrics.items():
        assert wider.metrics[name].lower <= interval.lower <= interval.upper <= wider.metrics[name].upper


def test_a_perfect_score_is_no_certainty() -> None:
    perfect = np.column_stack([1 - ACTUAL, ACTUAL]).astype(float)
    accuracy = classification.intervals(CLASSES, ACTUAL, perfect, 0.95).metrics["accuracy"]
    # The exact binomial bound for no error in 300 rows.
    assert accuracy.lower == pytest.approx(1 - (1 - 0.025 ** (1 / ROWS)))
    assert accuracy.upper == 1.0


def test_a_difference_is_paired() -> None:
    better = np.clip(SCORES + 0.1 * (ACTUAL - 0.5), 0, 1)
    both = WeightedMetrics(ACTUAL, [np.column_stack([1 - better, better]), ANSWERS])
    found = bootstrap(both, confidence=0.95).differences["auc"]
    alone = classification.intervals(CLASSES, ACTUAL, ANSWERS, 0.95).metrics["auc"]
    assert found.lower > 0
    assert found.upper - found.lower < (alone.upper - alone.lower) / 2


def _area(actual: Any, scores: Any) -> float:
    ranks, positives = scipy.stats.rankdata(scores), actual.sum()
    return float((ranks[actual == 1].sum() - positives * (positives + 1) / 2) / positives / (len(actual) - positives))


# Without scikit-learn's checks of its arguments, for they would take half a minute.
QUICK: dict[str, Any] = {
    "accuracy": lambda y, p: np.mean((p > 0.5) == y),
    "auc": _area,
    "brier": lambda y, p: np.mean(np.square(p - y)),
}


@pytest.mark.parametrize("name", QUICK)
def test_differences_between_two_classifiers_are_those_of_scipy(name: str) -> None:
    other = np.clip(SCORES + np.random.default_rng(4).normal(0, 0.15, ROWS), 0.01, 0.99)
    both = [ANSWERS, np.column_stack([1 - other, other])]
    ours = classification.differences(CLASSES, ACTUAL, both, 0.95)[name]
    theirs = scipy.stats.bootstrap(
        (ACTUAL, SCORES, other), lambda y, p, q: QUICK[name](y, p) - QUICK[name](y, q), paired=True, vectorized=False,
        n_resamples=2000, method="BCa", rng=np.random.default_rng(5),
    )  # fmt: skip
    near = 0.25 * theirs.standard_error
    assert ours.lower == pytest.approx(theirs.confidence_interval.low, abs=near)
    assert ours.upper == pytest.approx(theirs.confidence_interval.high, abs=near)


def test_differences_between_two_regressions_are_those_of_scipy() -> None:
    rng = np.random.default_rng(6)
    target = rng.normal(50, 10, ROWS)
    own, other = target + rng.normal(0, 3, ROWS), target + rng.normal(0, 4, ROWS)
    ours = regression.differences(target, [own, other], 0.95)["mae"]
    theirs = scipy.stats.bootstrap(
        (target, own, other), lambda t, a, b: np.mean(np.abs(t - a)) - np.mean(np.abs(t - b)), paired=True,
        vectorized=False, n_resamples=2000, rng=np.random.default_rng(5),
    )  # fmt: skip
    near = 0.25 * theirs.standard_error
    assert ours.lower == pytest.approx(theirs.confidence_interval.low, abs=near)
    assert ours.upper == pytest.approx(theirs.confidence_interval.high, abs=near)


@pytest.mark.parametrize("rows", [100, 750, 751, 1500])
@pytest.mark.parametrize("last_digits", [0, 1])
def test_two_regressions_that_answer_alike_do_not_differ(rows: int, last_digits: int) -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(50, 10, rows)
    own = target + rng.normal(0, 3, rows)
    other = np.where(rng.random(rows) < 0.3 * last_digits, np.nextafter(own, np.inf), own)
    found = regression.differences(target, [own, other], 0.95)
    assert found == dict.fromkeys(("rmse", "mae", "r2"), Interval(lower=0.0, upper=0.0, deviation=0.0))


def test_two_classifiers_that_answer_alike_do_not_differ() -> None:
    found = classification.differences(CLASSES, ACTUAL, [ANSWERS, ANSWERS.copy()], 0.95)
    assert {(one.lower, one.upper) for one in found.values()} == {(0.0, 0.0)}
    assert found.keys() == classification.intervals(CLASSES, ACTUAL, ANSWERS, 0.95).metrics.keys()


def test_equal_metrics_of_other_answers_are_no_certainty() -> None:
    """No row is decided otherwise, and yet the probabilities are others: one row in many might be."""
    other = np.clip(ANSWERS, 0.02, 0.98)
    found = classification.differences(CLASSES, ACTUAL, [ANSWERS, other], 0.95)["accuracy"]
    assert found.lower == pytest.approx(-(1 - 0.025 ** (1 / ROWS)))


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_errors_in_the_targets_own_unit_have_no_worst(unit: float) -> None:
    """Without an error in any row nobody knows how large one may be."""
    target = unit * RNG.normal(50, 10, ROWS)
    found = regression.intervals(target, target.copy(), 0.95).metrics
    assert [found[name].lower for name in ("rmse", "mae")] == [0.0, 0.0]
    assert all(math.isnan(end) for end in (found["rmse"].upper, found["mae"].upper, found["r2"].lower))
    assert found["r2"].upper == 1.0


class Counted(WeightedErrors):
    """The errors of a regression, remembering how many weights were held at once."""

    def __init__(self, rows: int) -> None:
        target = np.random.default_rng(1).normal(size=rows)
        super().__init__(target, [target + 1])
        self.sizes: list[tuple[int, ...]] = []

    def values(self, weights: Any) -> Any:
        self.sizes.append(weights.shape)
        return super().values(weights)


@pytest.mark.parametrize(("rows", "resamples"), [(40, 4000), (5000, 4000), (CHUNK - 1, 20), (2 * CHUNK, 20)])
def test_memory_is_bounded_whatever_the_rows_and_resamples(rows: int, resamples: int) -> None:
    counted = Counted(rows)
    bootstrap(counted, confidence=0.95, resamples=resamples)
    # The last look is at the rows as they are.
    *resampled, last = counted.sizes
    assert last == (1, rows)
    assert sum(count for count, _ in resampled) == resamples
    assert all(cells == rows and count * cells <= max(CHUNK, rows) for count, cells in resampled)


def test_tied_rows_are_drawn_by_the_cell_and_in_chunks_too() -> None:
    rng = np.random.default_rng(7)
    scores = np.round(rng.random(40_000), 1)
    metrics = WeightedMetrics((scores > rng.random(40_000)).astype(int), [np.column_stack([1 - scores, scores])])
    chunks = list(_weights(metrics, 20_000, rng))
    assert metrics.cells <= 22
    assert sum(len(chunk) for chunk in chunks) == 20_000
    assert max(chunk.size for chunk in chunks) <= CHUNK
    assert all((chunk.sum(axis=1) == 40_000).all() for chunk in chunks)


def test_errors_of_a_regression_have_scipys_intervals() -> None:
    target = RNG.normal(50, 10, ROWS)
    answers = target + RNG.normal(0, 3, ROWS)
    found = regression.intervals(target, answers, 0.95).metrics
    for name, looped in {
        "rmse": lambda t, a: math.sqrt(np.mean((t - a) ** 2)),
        "mae": lambda t, a: np.mean(np.abs(t - a)),
        "r2": lambda t, a: 1 - np.sum((t - a) ** 2) / np.sum((t - t.mean()) ** 2),
    }.items():
        theirs = scipy.stats.bootstrap(
            (target, answers), looped, paired=True, vectorized=False, n_resamples=2000, rng=np.random.default_rng(5)
        )
        near = 0.25 * theirs.standard_error
        assert found[name].lower == pytest.approx(theirs.confidence_interval.low, abs=near)
        assert found[name].upper == pytest.approx(theirs.confidence_interval.high, abs=near)


def test_resamples_grow_with_the_confidence_within_bounds() -> None:
    assert [resamples_for(confidence) for confidence in (0.5, 0.95, 0.99, 0.999)] == [2000, 4000, 20_000, 20_000]


class OneCluster:
    """A clustering that finds nothing apart."""

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows), dtype=int)

    def __len__(self) -> int:
        return 1


def test_a_clustering_into_one_cluster_is_the_worst_there_is() -> None:
    apart = clustering.silhouettes(OneCluster(), np.zeros((50, 2)))
    found = clustering.intervals(apart, 0.95).metrics["silhouette"]
    assert found.lower == -1.0


# --- what the gate makes of them


class Answering:
    """A classifier with given answers."""

    classes_ = CLASSES

    def predict_proba(self, rows: Any) -> Any:
        return ANSWERS


def document(confidence: float = 0.95) -> bytes:
    examination = evaluation.Examination(
        task=catalogue.CLASSIFICATION, model=Answering(), fit_rows=ANSWERS, rows=ANSWERS, target=ACTUAL
    )
    return evaluation.evaluate(examination, confidence=confidence)


def test_by_bound_a_model_must_be_better_than_its_limit_by_what_is_not_known() -> None:
    value = classification.metrics(CLASSES, ACTUAL, ANSWERS)["accuracy"]
    limit = {"accuracy": value - 0.01}
    bound = gate.Rule(basis=contract.BOUND, confidence=0.95)
    assert gate.judge_document(document(), limit, gate.POINT_RULE).approved
    refused = gate.judge_document(document(), limit, bound)
    assert not refused.approved
    assert "the lower end of its interval; measured" in refused.summary
    assert gate.judge_document(document(), {"accuracy": value - 0.1}, bound).approved


def test_by_bound_a_loss_is_judged_by_its_upper_end() -> None:
    value = classification.metrics(CLASSES, ACTUAL, ANSWERS)["log_loss"]
    bound = gate.Rule(basis=contract.BOUND, confidence=0.95)
    refused = gate.judge_document(document(), {"log_loss": value + 0.001}, bound)
    assert "the upper end of its interval" in refused.summary
    assert gate.judge_document(document(), {"log_loss": value + 0.2}, bound).approved


@pytest.mark.parametrize("evidence", [document(0.9), document().replace(b'"intervals"', b'"others"')])
def test_by_bound_nothing_passes_without_an_interval_of_that_confidence(evidence: bytes) -> None:
    verdict = gate.judge_document(evidence, {"accuracy": 0.1}, gate.Rule(basis=contract.BOUND, confidence=0.95))
    assert not verdict.approved
    assert "accuracy has no interval of the gate's confidence" in verdict.summary


def test_by_bound_a_metric_without_an_interval_does_not_pass() -> None:
    rule = gate.Rule(basis=contract.BOUND, confidence=0.95)
    assert not gate.judge_document(document(), {"average_precision": 0.1}, rule).approved
