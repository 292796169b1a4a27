"""Fit a model on one part of a table and keep the other part for the test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes none

from ml import catalogue
from ml.table import Table

HELD_OUT_SHARE = 0.25
SEED = 11

Indices = NDArray[np.int64]
Split = Callable[[Table], tuple[Indices, Indices]]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A fitted model with the rows, as indices, that it was fitted on and those that it has not seen."""

    model: Any
    fit: Indices
    held_out: Indices


def split(table: Table) -> tuple[Indices, Indices]:
    """Return the rows to fit on and to hold out: always the same, and with each class's share in both."""
    labels = table.target if table.task == catalogue.CLASSIFICATION else None
    fit, held_out = train_test_split(
        np.arange(len(table.target)), test_size=HELD_OUT_SHARE, stratify=labels, random_state=SEED
    )
    return fit, held_out


def train(table: Table, build: Callable[[Table], Any], split: Split = split) -> Trained:
    """Fit `build(table)` on some of the rows; `split` says which, and which are held out."""
    fit, held_out = split(table)
    # What a clustering is to find is nobody's to tell: its target is None.
    target = None if table.task == catalogue.CLUSTERING else table.target[fit]
    # Threads add up in any order: with another number of them k-means ends in another model, by its last digits.
    # A forest's random numbers are drawn before its trees grow, so every processor may grow some: it stays the same by
    # the last bit. The model does not keep this, and answers in one thread: serving runs a worker for each processor.
    with threadpool_limits(limits=1), parallel_config(backend="threading", n_jobs=-1):
        model = build(table).fit(table.rows[fit], target)
    _forget_rows(model)
    return Trained(model=model, fit=fit, held_out=held_out)


def _forget_rows(model: Any) -> None:
    """Drop the group of each row that a clustering was fitted on: a number for each row, and no prediction reads it."""
    last = model[-1] if isinstance(model, Pipeline) else model
    if hasattr(last, "labels_"):
        del last.labels_
