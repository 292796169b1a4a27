"""Tables of made-up numbers, for use cases that have no data file yet."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml import catalogue
from ml.table import Column, Table


def numeric_table(
    use_case: str,
    features: NDArray[np.float64],
    target: NDArray[np.generic] | None,
    *,
    source: str,
    names: Sequence[str] = (),
) -> Table:
    """Return the table of `features` (n, p) and `target` (n,), None for clustering; unnamed columns are numbered."""
    known = catalogue.USE_CASES[use_case]
    kind = np.float64 if known.task == catalogue.REGRESSION else np.int64
    values = np.zeros(len(features), dtype=np.int64) if target is None else target.astype(kind)
    labels = names or [f"feature_{index:02}" for index in range(features.shape[1])]
    return Table(
        columns=tuple(Column(name=label, kind="numeric", missing=False) for label in labels),
        rows=features,
        target=values,
        target_column=known.target_column,
        source=source,
        sha256=hashlib.sha256(features.tobytes() + values.tobytes()).hexdigest(),
        notes=(),
        task=known.task,
    )
