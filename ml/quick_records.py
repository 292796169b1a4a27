"""Turn raw records into numbers as a fitted ColumnTransformer does, from tables that were read off it beforehand.

Travels into the serving container beside `inference.py`. Checking and copying cost scikit-learn milliseconds for one
record; a median and a row of ones and zeros are looked up in microseconds. What is done to numbers is done in the same
order, so the bits are the same.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class QuickRecords:
    """Stands for one fitted ColumnTransformer: the same `transform`. Raises ValueError for a kind that it cannot.

    What it is not certain to read as the transformer does, it asks the transformer. Threads may share it.
    """

    def __init__(self, transformer: Any) -> None:
        _require(_is(transformer, "sklearn.compose._column_transformer.ColumnTransformer"))
        _require(transformer.remainder == "drop" and not transformer.transformer_weights)
        _require(not transformer.sparse_output_ and not hasattr(transformer, "_sklearn_output_config"))
        self._transformer = transformer
        self._parts: list[_Numbers | _Categories] = []
        for _, fitted, columns in transformer.transformers_:
            if fitted == "drop" or columns == []:
                continue
            _require(type(columns) is list and all(type(column) is int for column in columns))
            of_text = _is(fitted, "sklearn.preprocessing._encoders.OneHotEncoder")
            self._parts.append(_Categories(fitted, columns) if of_text else _Numbers(fitted, columns))

    def transform(self, rows: Any) -> Any:
        """Return float64 (n, width) for records, float64 or object (n, p). Raises what the transformer raises."""
        if type(rows) is np.ndarray and rows.ndim == 2 and rows.shape[1] == self._transformer.n_features_in_:
            try:
                return np.hstack([block for part in self._parts for block in part.blocks(rows)])
            except (_NotCertainError, TypeError, ValueError):
                pass  # the transformer knows what to make of it, or what to say
        return self._transformer.transform(rows)


class _NotCertainError(Exception):
    """These records are not of the kind that the tables are made for."""


class _Numbers:
    """Numeric columns: missing values imputed, then perhaps scaled."""

    def __init__(self, fitted: Any, columns: Sequence[int]) -> None:
        steps = [step for _, step in fitted.steps] if _is(fitted, "sklearn.pipeline.Pipeline") else [fitted]
        imputer, *scalers = steps
        _require(_is(imputer, "sklearn.impute._base.SimpleImputer") and len(scalers) < 2)
        _require(imputer.strategy in ("mean", "median") and not imputer.add_indicator)
        _require(imputer.missing_values is np.nan or imputer.missing_values != imputer.missing_values)
        self._columns, self._instead = columns, imputer.statistics_
        # A column that training never saw filled is dropped.
        _require(self._instead.dtype == np.float64 and np.isfinite(self._instead).all())
        self._scaling: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for scaler in scalers:
            _require(_is(scaler, "sklearn.preprocessing._data.StandardScaler"))
            _require(scaler.with_mean and scaler.with_std)
            self._scaling.append((scaler.mean_, scaler.scale_))

    def blocks(self, rows: NDArray[Any]) -> Iterable[NDArray[np.float64]]:
        """Yield one block: the columns, filled and scaled."""
        numbers = rows[:, self._columns].astype(np.float64)
        missing = np.isnan(numbers)
        if np.isinf(numbers).any():
            raise _NotCertainError
        if missing.any():
            numbers = np.where(missing, self._instead, numbers)
        for mean, scale in self._scaling:
            numbers -= mean
            numbers /= scale
        yield numbers


class _Categories:
    """Text columns: one indicator for each category, with the rare and the unknown ones together."""

    def __init__(self, encoder: Any, columns: Sequence[int]) -> None:
        _require(encoder.drop is None and not encoder.sparse_output and encoder.dtype is np.float64)
        _require(encoder.handle_unknown in ("ignore", "infrequent_if_exist"))
        known = [categories.tolist() for categories in encoder.categories_]
        _require(all(value is None or type(value) is str for values in known for value in values))
        unknown = "x" * (1 + max(len(value or "") for values in known for value in values))
        # Every value of every column passes through the encoder once; a shorter list is filled up.
        asked = [[*values, unknown] for values in known]
        longest = max(map(len, asked))
        filled = [values + [unknown] * (longest - len(values)) for values in asked]
        encoded = encoder.transform(np.array(filled, dtype=object).T)
        widths = [_width(encoder, index) for index in range(len(known))]
        _require(encoded.shape[1] == sum(widths))
        starts = np.cumsum([0, *widths]).tolist()
        self._tables = [
            (column, _Codes(values), encoded[: len(values) + 1, start : start + width].copy())
            for column, values, start, width in zip(columns, known, starts, widths, strict=False)
        ]

    def blocks(self, rows: NDArray[Any]) -> Iterable[NDArray[np.float64]]:
        """Yield a block of indicators for each column."""
        for column, codes, indicators in self._tables:
            yield indicators[[codes[value] for value in rows[:, column].tolist()]]


class _Codes(dict[Any, int]):
    """Number of each category; every other text has the number after the last."""

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(zip(values, range(len(values)), strict=True))
        self._unknown = len(values)

    def __missing__(self, value: Any) -> int:
        if type(value) is not str:
            raise _NotCertainError
        return self._unknown


def _width(encoder: Any, index: int) -> int:
    """Return how many indicators `encoder` makes of a column: the rare categories share one."""
    rare = encoder.infrequent_categories_[index] if hasattr(encoder, "infrequent_categories_") else None
    return len(encoder.categories_[index]) - (0 if rare is None else len(rare) - 1)


def _is(thing: Any, name: str) -> bool:
    """Say whether `thing` is of exactly the class `name`, without importing it."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}" == name


def _require(certain: bool) -> None:
    if not certain:
        raise ValueError("a transformer of another kind")
