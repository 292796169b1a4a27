"""How a classifier of two classes trades one error for the other, and whether its probabilities can be believed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ml.evaluation.weighted_metrics import Floats

MOST_POINTS = 200
"""Of one curve: more cannot be seen in a plot."""

BINS = 10


def receiver_operating_characteristic(positive: NDArray[np.bool_], scores: Floats) -> dict[str, list[float]]:
    """Return the curve for scores (m,) of which those in `positive` (m,) should be high, from (0, 0) to (1, 1)."""
    false_positives, true_positives, _ = roc_curve(positive, scores)
    false_positives, true_positives = _thinned(false_positives, true_positives)
    return {"false_positive_rates": false_positives.tolist(), "true_positive_rates": true_positives.tolist()}


def precision_recall(positive: NDArray[np.bool_], scores: Floats) -> dict[str, list[float]]:
    """Return the curve for scores (m,) of which those in `positive` (m,) should be high, by falling recall."""
    precisions, recalls, _ = precision_recall_curve(positive, scores)
    precisions, recalls = _thinned(precisions, recalls)
    return {"precisions": precisions.tolist(), "recalls": recalls.tolist()}


def calibration(positive: NDArray[np.bool_], scores: Floats) -> list[dict[str, Any]]:
    """Return for each tenth of the range of probabilities that holds rows what was predicted and what happened."""
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    return [
        {
            "predicted": float(scores[inside].mean()),
            "observed": float(positive[inside].mean()),
            "rows": int(np.count_nonzero(inside)),
        }
        for inside in (bins == index for index in range(BINS))
        if inside.any()
    ]


def _thinned(across: Floats, up: Floats) -> tuple[Floats, Floats]:
    """Return at most MOST_POINTS of the curve's points, at even steps along it, both ends among them."""
    if len(across) <= MOST_POINTS:
        return across, up
    # Along the curve, not along its points: where classes are unequal most of these lie close together.
    way = np.r_[0.0, np.cumsum(np.abs(np.diff(across)) + np.abs(np.diff(up)))]
    kept = np.unique(np.searchsorted(way, np.linspace(0.0, way[-1], MOST_POINTS - 1)))
    kept = np.union1d(kept, [len(across) - 1])
    return across[kept], up[kept]
