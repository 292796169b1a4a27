"""Fit a model on one part of a table and keep the other part for the test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ml.table import Table

HELD_OUT_SHARE = 0.25
SEED = 11


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A fitted classifier and the indices, int (m,), of the rows that it has not seen."""

    model: Any
    held_out: NDArray[np.int64]


def train(table: Table, build: Callable[[Table], Any]) -> Trained:
    """Fit `build(table)` on three quarters of the rows. The split is seeded and keeps each class's share."""
    fit, held_out = train_test_split(
        np.arange(len(table.target)), test_size=HELD_OUT_SHARE, stratify=table.target, random_state=SEED
    )
    return Trained(model=build(table).fit(table.rows[fit], table.target[fit]), held_out=held_out)
