"""How sure a measured metric is: bootstrap intervals of every metric, and of the difference between two models.

The rows are resampled with replacement, each classifier's metrics are measured on every resample, and the interval is
read from their distribution by the BCa method (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 14):
bias-corrected and accelerated, because metrics near the end of their range are skewed and plain percentiles then
promise too much (docs/decisions/0006). A difference is measured on the same resamples of the same rows: it is paired.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes none

from ml import catalogue
from ml.evaluation.weighted_metrics import WORST_LOG_LOSS, Counts, Floats, Values

SEED = 17
METHOD = "BCa bootstrap"
LEAST_RESAMPLES, MOST_RESAMPLES = 2_000, 20_000
RESAMPLES_BEYOND = 100
"""Resamples beyond each end of the interval, within the two numbers above: fewer make the end itself uncertain."""

CHUNK = 2**17
"""Weights that are held at once: 1 MB in each of a handful of arrays, which fits a processor's cache."""

FEW_CELLS = 10
"""With as many rows for each cell, drawing how often a cell comes up is faster than drawing rows."""

_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The two ends of a confidence interval and the standard deviation; NaN where the rows cannot tell them."""

    lower: float
    upper: float
    deviation: float


UNKNOWN = Interval(lower=math.nan, upper=math.nan, deviation=math.nan)
NO_DIFFERENCE = Interval(lower=0.0, upper=0.0, deviation=0.0)

SAME_ANSWER = 1e-12
"""Two answers that differ by less, as a share of them, differ by rounding: a sum may end in another last digit."""

_WORST = {"log_loss": WORST_LOG_LOSS}
"""Where the catalogue names no end of a metric's range, and one row can count for no more than this."""


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Intervals of each metric of the catalogue, and of the difference to a champion where there is one."""

    confidence: float
    resamples: int
    metrics: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    """Of the new classifier's value less the champion's; empty without a champion."""


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """One statistic: its value, its resamples, its values with one row of each cell left out, and its range."""

    value: float
    resampled: Floats
    left_out: Floats
    counts: Counts
    low: float
    high: float
    support: int


def resamples_for(confidence: float) -> int:
    """Return how many resamples are drawn for intervals with this confidence."""
    wanted = math.ceil(round(2 * RESAMPLES_BEYOND / (1 - confidence), 6))
    return min(max(wanted, LEAST_RESAMPLES), MOST_RESAMPLES)


class Weighted(Protocol):
    """Metrics of one model, or of two on the same rows, as functions of how often each row or cell of rows counts."""

    rows: int
    counts: Counts
    cell_of_row: Counts

    @property
    def cells(self) -> int:
        """Number of cells: at most one for each row."""

    def values(self, weights: Counts) -> list[Values]:
        """Return each model's metrics for `weights` (w, cells), whose rows each add up to the rows."""

    def left_out(self) -> list[Values]:
        """Return each model's metrics without one row of each cell: (cells,)."""

    def supports(self) -> list[dict[str, int]]:
        """Return for each model how many rows carry a metric, where that is fewer than all."""


def bootstrap(metrics: Weighted, *, confidence: float, resamples: int | None = None, seed: int = SEED) -> Intervals:
    """Return the intervals of a model's metrics; the same arguments give the same bits.

    Where `metrics` holds two models, the second is the champion: `differences` then has the paired intervals.
    `confidence`, between 0 and 1, is that of a whole interval: each end is passed by the true value with half of the
    rest. Memory is bounded by the rows, however many resamples are drawn.
    """
    drawn = resamples_for(confidence) if resamples is None else resamples
    # The products are small: on a busy machine several threads spend three times as long waiting for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        samples = _samples(metrics, _resampled(metrics, drawn, np.random.default_rng(seed)))
    differences: dict[str, Interval] = {}
    if len(samples) > 1:
        differences = {
            name: _interval(_difference(own, samples[1][name]), confidence) for name, own in samples[0].items()
        }
    return Intervals(
        confidence=confidence,
        resamples=drawn,
        metrics={name: _interval(sample, confidence) for name, sample in samples[0].items()},
        differences=differences,
    )


def paired(metrics: Weighted, answers: Sequence[Floats], *, confidence: float) -> Mapping[str, Interval]:
    """Return the paired intervals of the first of two models' metrics less the second's.

    `answers` holds what each says to each row, and `metrics` measures it. Where both say the same there is no
    difference: no row, however often it is drawn, can tell the two apart.
    """
    own, champion = answers
    if np.allclose(own, champion, rtol=SAME_ANSWER, atol=0.0):
        return dict.fromkeys(metrics.values(metrics.counts[np.newaxis])[0], NO_DIFFERENCE)
    return bootstrap(metrics, confidence=confidence).differences


def _resampled(metrics: Weighted, resamples: int, rng: np.random.Generator) -> list[Values]:
    chunks = [metrics.values(weights) for weights in _weights(metrics, resamples, rng)]
    return [
        {name: np.concatenate([values[name] for values in of_one]) for name in of_one[0]}
        for of_one in zip(*chunks, strict=True)
    ]


def _weights(metrics: Weighted, resamples: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Yield how often each cell comes up in each resample, a chunk of resamples at a time."""
    rows, cells = metrics.rows, metrics.cells
    few = cells * FEW_CELLS <= rows
    size = max(1, CHUNK // (cells if few else rows))
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        if few:
            yield rng.multinomial(rows, metrics.counts / rows, size=count)
            continue
        drawn = rng.integers(0, rows, (count, rows))
        if cells < rows:
            drawn = metrics.cell_of_row[drawn]
        drawn += np.arange(0, count * cells, cells)[:, np.newaxis]
        yield np.bincount(drawn.ravel(), minlength=count * cells).reshape(count, cells)


def _samples(metrics: Weighted, resampled: list[Values]) -> list[dict[str, _Sample]]:
    rows, measured, left_out = metrics.rows, metrics.values(metrics.counts[np.newaxis]), metrics.left_out()
    return [
        {
            name: _Sample(
                value=float(value[0]),
                resampled=resampled[index][name],
                left_out=left_out[index][name],
                counts=metrics.counts,
                low=catalogue.METRICS[name].low,
                high=_WORST.get(name, catalogue.METRICS[name].high),
                support=support.get(name, rows),
            )
            for name, value in values.items()
        }
        for index, (values, support) in enumerate(zip(measured, metrics.supports(), strict=True))
    ]


def _difference(own: _Sample, champion: _Sample) -> _Sample:
    return _Sample(
        value=own.value - champion.value,
        resampled=own.resampled - champion.resampled,
        left_out=own.left_out - champion.left_out,
        counts=own.counts,
        low=own.low - own.high,
        high=own.high - own.low,
        support=min(own.support, champion.support),
    )


def _interval(sample: _Sample, confidence: float) -> Interval:
    ordered = np.sort(sample.resampled)
    defined = ordered[~np.isnan(ordered)]
    if not defined.size or math.isnan(sample.value):
        return UNKNOWN
    if defined[0] == defined[-1] == sample.value:
        return _without_spread(sample, confidence)
    deviation = float(np.std(sample.resampled, ddof=1))
    tail = (1 - confidence) / 2
    lower, upper = _position(sample, defined, tail), _position(sample, defined, 1 - tail)
    if lower is None or upper is None:
        return UNKNOWN
    # A resample without a value may be the worst at either end. The order statistic farther out is taken.
    last, absent = len(ordered) - 1, len(ordered) - len(defined)
    first, final = math.floor(lower * last) - absent, math.ceil(upper * last)
    return Interval(
        lower=float(defined[first]) if first >= 0 else math.nan,
        upper=float(defined[final]) if final < len(defined) else math.nan,
        deviation=deviation,
    )


def _position(sample: _Sample, defined: Floats, tail: float) -> float | None:
    """Return which share of the resamples lies below the BCa end for `tail`; None where it is not defined."""
    below = np.count_nonzero(defined < sample.value) + np.count_nonzero(defined == sample.value) / 2
    if not 0 < below < len(defined):
        return None
    bias = _NORMAL.inv_cdf(below / len(defined))
    spread = float(sample.counts @ sample.left_out) / float(sample.counts.sum()) - sample.left_out
    scale = 6 * float(sample.counts @ spread**2) ** 1.5
    acceleration = float(sample.counts @ spread**3) / scale if scale > 0 else 0.0
    shifted = bias + _NORMAL.inv_cdf(tail)
    denominator = 1 - acceleration * shifted
    return _NORMAL.cdf(bias + shifted / denominator) if denominator > 0 else None


def _without_spread(sample: _Sample, confidence: float) -> Interval:
    """Return the interval of a value that every resample repeats, such as a perfect score, which shows no spread.

    That is no certainty: when `support` rows all agree, the share of rows that do not may still be as large as the
    exact binomial bound (Clopper and Pearson 1934; the rule of three), and each of those may be the worst there is.
    Where nothing is the worst, as of an error in the target's own unit, that end is not known.
    """
    share = 1 - ((1 - confidence) / 2) ** (1 / sample.support) if sample.support else 1.0
    lower, upper = (sample.value + (worst - sample.value) * share for worst in (sample.low, sample.high))
    return Interval(
        lower=lower if math.isfinite(lower) else math.nan,
        upper=upper if math.isfinite(upper) else math.nan,
        deviation=0.0,
    )
