"""Ask a forest for its answer without the ceremony, with scikit-learn's own tables, C code and order of addition.

Travels into the serving container beside `inference.py`. A forest starts a pool of threads and asks each tree through
four layers of Python: over 3 ms for one row, 12 ms with `n_jobs=-1`. Here the trees stand below one another in a single
table, so few rows need one call; many rows are asked tree by tree. Both give the bits that the forest itself gives.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSIFIERS = frozenset({"ExtraTreesClassifier", "RandomForestClassifier"})
REGRESSORS = frozenset({"ExtraTreesRegressor", "RandomForestRegressor"})
MODULE = "sklearn.ensemble._forest"

FEW_ROWS = 32
"""From here on a call for each tree is cheaper than a copy of the rows for each tree."""

MOST_NODES = 1_000_000
"""A worker's memory for the joined table: 64 bytes and the values for each node. A larger forest is asked by tree."""

_LEAF = -1


class QuickForest:
    """Stands for one fitted forest: the same `predict` and `predict_proba`, for one row a hundredth of the time.

    What it is not certain to answer as the forest does, it asks the forest. Threads may share it.
    """

    def __init__(self, forest: Any) -> None:
        self._forest = forest
        self._classifies = type(forest).__name__ in CLASSIFIERS
        self._trees = [member.tree_ for member in forest.estimators_]
        self._takes_nan = forest.estimators_[0].__sklearn_tags__().input_tags.allow_nan
        self._joined = _join(self._trees) if sum(tree.node_count for tree in self._trees) <= MOST_NODES else None
        # One line for each tree: room for a row, and the number by which the joined table sends it to its tree.
        self._lines = np.zeros((len(self._trees), forest.n_features_in_ + 1), dtype=np.float32)
        self._lines[:, -1] = np.arange(len(self._trees))

    def predict_proba(self, rows: Any) -> Any:
        """Return probabilities, float64 (n, classes), for float64 (n, p). Raises what the forest raises."""
        numbers = self._numbers(rows) if self._classifies else None
        return self._forest.predict_proba(rows) if numbers is None else self._means(numbers)

    def predict(self, rows: Any) -> Any:
        """Return values, float64 (n,), for float64 (n, p); a classifier's labels. Raises what the forest raises."""
        numbers = None if self._classifies else self._numbers(rows)
        return self._forest.predict(rows) if numbers is None else self._means(numbers)[:, 0]

    def _numbers(self, rows: Any) -> NDArray[np.float32] | None:
        """Return `rows` as the trees compare them, or None for what the forest may refuse or read otherwise."""
        if type(rows) is not np.ndarray or rows.dtype != np.float64 or rows.ndim != 2 or not len(rows):
            return None
        if rows.shape[1] != self._forest.n_features_in_:
            return None
        with np.errstate(over="ignore"):
            numbers = rows.astype(np.float32)
        if np.isfinite(numbers).all():
            return numbers
        return numbers if self._takes_nan and not np.isinf(numbers).any() else None

    def _means(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        if self._joined is None or len(numbers) >= FEW_ROWS:
            means: NDArray[np.float64] = self._trees[0].predict(numbers)
            for tree in self._trees[1:]:
                means += tree.predict(numbers)
        else:
            lines = np.repeat(self._lines, len(numbers), axis=0)
            lines[:, :-1] = np.tile(numbers, (len(self._trees), 1))
            votes = self._joined.predict(lines).reshape(len(self._trees), len(numbers), -1)
            # Not sum(), which adds in another order when there is a single column.
            means = np.add.accumulate(votes, axis=0)[-1]
        means /= len(self._trees)
        return means


def is_known(estimator: Any) -> bool:
    """Say whether `estimator` is a forest that QuickForest can stand for: exactly one of four classes, one output."""
    kind = type(estimator)
    if kind.__module__ != MODULE or kind.__name__ not in CLASSIFIERS | REGRESSORS:
        return False
    return estimator.n_outputs_ == 1 and estimator.monotonic_cst is None


def _join(trees: list[Any]) -> Any:
    """Return one tree that holds all of `trees`; a further, last feature is the number of the tree to descend.

    It is made as unpickling makes a tree: class, arguments and state.
    """
    kind, (features, classes, outputs), state = trees[0].__reduce__()
    states = [tree.__getstate__() for tree in trees]
    sizes = [tree.node_count for tree in trees]
    first = np.cumsum([len(trees) - 1, *sizes])
    # Zeros hold no weights or impurities: nothing that predicts looks at them.
    nodes = np.zeros(first[-1], dtype=state["nodes"].dtype)
    values = np.zeros((first[-1], *state["values"].shape[1:]))
    for node, threshold, left, right in _switches(0, len(trees), 0, first.tolist()):
        nodes[node]["feature"], nodes[node]["threshold"] = features, threshold
        nodes[node]["left_child"], nodes[node]["right_child"] = left, right
    for start, size, of in zip(first.tolist(), sizes, states, strict=False):
        block = nodes[start : start + size]
        block[:] = of["nodes"][:size]
        for side in ("left_child", "right_child"):
            block[side][block[side] != _LEAF] += start
        values[start : start + size] = of["values"][:size]
    joined = kind(features + 1, classes, outputs)
    depth = max(tree.max_depth for tree in trees) + len(trees).bit_length()
    joined.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})
    return joined


def _switches(low: int, high: int, node: int, first: list[int]) -> Iterator[tuple[int, float, int, int]]:
    """Yield node, threshold, left and right child of what sends a line to one of the trees from `low` to below `high`.

    They are numbered from `node`, in the order of descent; tree t begins at node first[t].
    """
    if high - low < 2:
        return
    middle = (low + high) // 2
    # A half with n trees takes n - 1 nodes.
    left = node + 1 if middle - low > 1 else first[low]
    right = node + middle - low if high - middle > 1 else first[middle]
    yield node, middle - 0.5, left, right
    yield from _switches(low, middle, node + 1, first)
    yield from _switches(middle, high, node + middle - low, first)
