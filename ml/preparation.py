"""Turn raw records into what scikit-learn's estimators take, as the first step of a model's own pipeline."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml.errors import InputError
from ml.table import Table

RARE_CATEGORY = 0.01
"""Categories with a smaller share of the rows are treated as one, together with those never seen in training."""

IDENTIFIER = 0.9
"""A text column with more different values than this share of its rows names the row and cannot help to predict."""


def pipeline(table: Table, model: Any, *, scaled: bool = False, without: tuple[str, ...] = ()) -> Pipeline:
    """Return an unfitted pipeline of raw records with the columns of `table` that ends in the estimator `model`.

    Numbers go in as they are, missing ones included, where there is no text column and `scaled` is False: trees of
    scikit-learn handle them. Otherwise they are imputed by their median, scaled where asked for, and categories become
    one indicator each. Columns of identifiers and those called in `without` are in the record but not in the model.
    Raises InputError when nothing else is left.
    """
    left_out = {index for index, column in enumerate(table.columns) if column.name in without}
    if not scaled and not left_out and all(column.kind == "numeric" for column in table.columns):
        return Pipeline([("model", model)])
    numeric = [
        index for index, column in enumerate(table.columns) if column.kind == "numeric" and index not in left_out
    ]
    categorical = [
        index
        for index, column in enumerate(table.columns)
        if column.kind == "categorical" and index not in left_out and not _is_identifier(table, index)
    ]
    if not numeric and not categorical:
        raise InputError(f"{table.source}: every column only names its row. Add columns that can help to predict")
    numbers: Any = SimpleImputer(strategy="median")
    if scaled:
        numbers = Pipeline([("impute", numbers), ("scale", StandardScaler())])
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE_CATEGORY, sparse_output=False)
    records = ColumnTransformer([("numbers", numbers, numeric), ("categories", encoder, categorical)])
    return Pipeline([("records", records), ("model", model)])


def left_out(table: Table) -> tuple[str, ...]:
    """Return a sentence about each column of identifiers, which `pipeline` leaves out."""
    return tuple(
        f"column {column.name!r} has another text in nearly every row: it is in the record but not in the model"
        for index, column in enumerate(table.columns)
        if column.kind == "categorical" and _is_identifier(table, index)
    )


def _is_identifier(table: Table, index: int) -> bool:
    values = [value for value in table.rows[:, index] if value is not None]
    return len(set(values)) > IDENTIFIER * len(values)
