"""Most metrics of classifiers for many weightings of the same rows at once: what resampling needs, without a loop.

Rows on which the label and every probability agree are exchangeable and are kept as one cell. Sums are exact whatever
their order: counts are whole numbers, and losses are multiples of a power of two. The same weights therefore give the
same bits on every machine and with every number of threads.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Values: TypeAlias = dict[str, Floats]
"""Each metric of the catalogue, one value for each weighting; NaN where a weighting leaves nothing to measure."""

CERTAIN = float(np.finfo(np.float64).eps)
"""scikit-learn's log loss treats a probability as at least this far from 0 and 1."""

WORST_LOG_LOSS = -math.log(CERTAIN)


class WeightedMetrics:
    """The metrics of one or more classifiers on the same rows, as functions of how often each cell counts.

    `actual`, int (m,), indexes the classes; each of `answers`, float (m, k), holds one classifier's probabilities. As
    in `ml.evaluation`, the second of two classes is the positive one, and more classes are averaged by their size.
    """

    def __init__(self, actual: Counts, answers: Sequence[Floats]) -> None:
        self.rows = len(actual)
        classes = answers[0].shape[1]
        first = answers[0][:, 1 if classes == 2 else 0]
        keyed = np.column_stack([actual, *answers])
        # Sorted by what the first ranking sorts by: its cells then need no sorting in each resample.
        order = np.lexsort((*keyed.T, first))
        keyed = keyed[order]
        new = np.r_[True, (keyed[1:] != keyed[:-1]).any(axis=1)]
        cells = keyed[new]
        self.counts: Counts = np.diff(np.r_[np.flatnonzero(new), self.rows])
        self.cell_of_row: Counts = np.empty(self.rows, dtype=np.int64)
        self.cell_of_row[order] = np.cumsum(new) - 1
        labels = cells[:, 0].astype(np.int64)
        scale = 2.0 ** math.floor(52 - math.log2(self.rows * WORST_LOG_LOSS))
        counted = [1] if classes == 2 else list(range(classes))
        blocks = np.split(cells[:, 1:], len(answers), axis=1)
        self._classifiers = [_Classifier(labels, block, counted, scale) for block in blocks]
        self._is_class = np.column_stack([labels == index for index in counted]).astype(np.float64)
        self._features = np.hstack([self._is_class, *(classifier.features for classifier in self._classifiers)])

    @property
    def cells(self) -> int:
        """Number of cells: at most one for each row."""
        return len(self.counts)

    def values(self, weights: Counts) -> list[Values]:
        """Return each classifier's metrics for `weights`, int64 (w, cells), whose rows each add up to the rows."""
        pairs = [classifier.pairs(weights) for classifier in self._classifiers]
        return self._metrics(weights.astype(np.float64) @ self._features, pairs, self.rows)

    def left_out(self) -> list[Values]:
        """Return each classifier's metrics without one row of each cell: (cells,), all in closed form."""
        everything = self.counts[np.newaxis]
        pairs = [
            [total - placed for total, placed in zip(c.pairs(everything), c.placements(self.counts), strict=True)]
            for c in self._classifiers
        ]
        return self._metrics(everything.astype(np.float64) @ self._features - self._features, pairs, self.rows - 1)

    def supports(self) -> list[dict[str, int]]:
        """Return for each classifier how many rows carry a metric, where that is fewer than all."""
        sizes = (self.counts @ self._is_class).tolist()
        if len(sizes) > 1:
            return [{"auc": int(min(sizes))} for _ in self._classifiers]
        positive, found = int(sizes[0]), []
        for classifier in self._classifiers:
            predicted = int(self.counts @ classifier.features[:, 0])
            found.append(
                {
                    "precision": predicted,
                    "recall": positive,
                    "f1": min(predicted, positive),
                    "auc": min(positive, self.rows - positive),
                }
            )
        return found

    def _metrics(self, sums: Floats, pairs: Sequence[Sequence[Counts]], rows: int) -> list[Values]:
        classes = self._is_class.shape[1]
        actual, *blocks = np.split(
            sums.T, range(classes, sums.shape[1], self._classifiers[0].features.shape[1]), axis=0
        )
        return [
            classifier.metrics(actual, block, counted, rows)
            for classifier, block, counted in zip(self._classifiers, blocks, pairs, strict=True)
        ]


class _Classifier:
    """One classifier's cells: what is added up over them, and how they are ranked for each class that counts."""

    def __init__(self, labels: Counts, answers: Floats, counted: Sequence[int], scale: float) -> None:
        predicted = answers.argmax(axis=1)
        truth = labels[:, np.newaxis] == np.arange(answers.shape[1])
        likelihood = answers[truth].clip(CERTAIN, 1 - CERTAIN)
        columns = [predicted == index for index in counted]
        columns += [column & (labels == index) for column, index in zip(columns, counted, strict=True)]
        columns.append(predicted == labels)
        losses = [-np.log(likelihood), np.square(answers - truth).sum(axis=1) / 2]
        self.features = np.column_stack([*columns, *(np.rint(loss * scale) for loss in losses)]).astype(np.float64)
        self._scale = scale
        self._rankings = [_Ranking(answers[:, index], labels == index) for index in counted]

    def pairs(self, weights: Counts) -> list[Counts]:
        return [ranking.pairs(weights) for ranking in self._rankings]

    def placements(self, counts: Counts) -> list[Counts]:
        return [ranking.placements(counts) for ranking in self._rankings]

    def metrics(self, actual: Floats, sums: Floats, pairs: Sequence[Counts], rows: int) -> Values:
        """Return the metrics from sums over `rows` rows: (classes, w) rows of each class, then this one's features."""
        classes = len(actual)
        predicted, hits, (right, log_loss, brier) = sums[:classes], sums[classes : 2 * classes], sums[2 * classes :]
        binary = classes == 1
        shares = np.ones_like(actual) if binary else actual / rows
        with np.errstate(divide="ignore", invalid="ignore"):
            others = actual * (rows - actual) if binary else rows * (rows - actual)
            # A pair counts twice. A class that is absent has no pairs and no share in the average.
            areas = np.stack(pairs) / 2 / others
        return {
            "accuracy": right / rows,
            "precision": _total(shares * _quotient(hits, predicted)),
            "recall": _total(shares * _quotient(hits, actual)),
            "f1": _total(shares * _quotient(2 * hits, predicted + actual)),
            "auc": _total(areas),
            "log_loss": log_loss / self._scale / rows,
            "brier": brier / self._scale / rows,
        }


class _Ranking:
    """Cells in the order of one class's probability, with what is needed to count correctly ranked pairs."""

    def __init__(self, scores: Floats, positive: NDArray[np.bool_]) -> None:
        self._order = np.argsort(scores, kind="stable")
        self._sorted = bool((self._order == np.arange(len(scores))).all())
        ordered = scores[self._order]
        new = np.r_[True, ordered[1:] != ordered[:-1]]
        self._level = np.cumsum(new) - 1
        self._starts = None if new.all() else np.flatnonzero(new)
        self._positive = positive[self._order]
        self._negative_mask = np.where(self._positive, 0, -1).astype(np.int64)

    def pairs(self, weights: Counts) -> Counts:
        """Return (w,) twice the pairs of a positive and a negative that are ranked right, a tie counting one."""
        positives, negatives = self._split(weights)
        pairs: Counts = 2 * np.einsum("ij,ij->i", positives, np.cumsum(negatives, axis=1))
        return pairs if self._starts is None else pairs - np.einsum("ij,ij->i", positives, negatives)

    def placements(self, counts: Counts) -> Counts:
        """Return (cells,) by how much `pairs` shrinks when one row of a cell is left out."""
        (positives,), (negatives,) = self._split(counts[np.newaxis])
        below = 2 * np.cumsum(negatives) - negatives
        above = 2 * (positives.sum() - np.cumsum(positives)) + positives
        placements = np.empty_like(counts)
        placements[self._order] = np.where(self._positive, below[self._level], above[self._level])
        return placements

    def _split(self, weights: Counts) -> tuple[Counts, Counts]:
        """Return the weights of positives and of negatives, (w, levels) each."""
        ordered = weights if self._sorted else np.take(weights, self._order, axis=1)
        negatives = ordered & self._negative_mask
        positives = ordered - negatives
        if self._starts is None:
            return positives, negatives
        return np.add.reduceat(positives, self._starts, axis=1), np.add.reduceat(negatives, self._starts, axis=1)


def _quotient(above: Floats, below: Floats) -> Floats:
    """Return the quotient, 0 where there is nothing to divide by: scikit-learn's zero_division=0."""
    quotient: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return quotient


def _total(parts: Floats) -> Floats:
    # Added one by one: numpy's own sum takes another order for another number of weightings.
    total: Floats = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
