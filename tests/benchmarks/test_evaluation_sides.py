"""Both sides of the evaluation benchmark measure the same thing, and a difference would be seen."""

import numpy as np
import pytest

from benchmarks import evaluation
from benchmarks.evaluation import NAMES, RESAMPLES, Run
from ml.evaluation.weighted_metrics import WeightedMetrics


@pytest.mark.parametrize("levels", [None, 50], ids=["continuous", "tied"])
def test_the_same_resample_has_the_same_metrics_on_both_sides(levels: int | None) -> None:
    answers = evaluation.made(3_000, levels=levels)
    metrics = WeightedMetrics(answers.actual, [answers.probabilities])
    for seed in range(5):
        drawn = np.random.default_rng(seed).integers(0, 3_000, 3_000)
        weights = np.bincount(metrics.cell_of_row[drawn], minlength=metrics.cells)[np.newaxis]
        (ours,) = metrics.values(weights)

        looped = evaluation.by_scikit_learn(answers, drawn)
        assert {name: float(ours[name][0]) for name in NAMES} == pytest.approx(looped, abs=1e-12)


def test_tied_scores_are_tied_and_the_others_are_not() -> None:
    tied, continuous = (evaluation.made(3_000, levels=levels).probabilities[:, 1] for levels in (50, None))

    assert (len(np.unique(tied)) <= 51, len(np.unique(continuous))) == (True, 3_000)


def test_deviations_that_differ_are_far_apart() -> None:
    looped = [Run(1.0, dict.fromkeys(NAMES, 0.010)), Run(1.0, dict.fromkeys(NAMES, 0.012))]
    alike, other = Run(1.0, dict.fromkeys(NAMES, 0.011)), Run(1.0, {**dict.fromkeys(NAMES, 0.011), "auc": 0.02})

    assert evaluation.farthest(looped, alike, drawn=120) < 0.1
    assert evaluation.farthest(looped, other, drawn=120) > evaluation.FARTHEST
    assert evaluation.farthest(looped, other, drawn=120) == pytest.approx(
        (0.02 / 0.011045 - 1) / (1 / 238 + 1 / (2 * RESAMPLES - 2)) ** 0.5, rel=1e-3
    )
