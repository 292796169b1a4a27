"""Will a customer leave? A random forest, on synthetic customers until a data file is given."""

import hashlib
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from ml import contract
from ml.errors import InputError
from ml.table import Column, Table

HYPERPARAMETERS: dict[str, Any] = {"n_estimators": 100}
"""Of scikit-learn's RandomForestClassifier. This is the line to change for a different model."""

SEED = 4
RARE_CATEGORY = 0.01
"""Categories with a smaller share of the rows are treated as one, together with those never seen in training."""

IDENTIFIER = 0.9
"""A text column with more different values than this share of its rows names the row and cannot help to predict."""


def synthetic() -> Table:
    """Return 4000 made-up customers with 20 numeric features; about half of them leave."""
    features, churned = make_classification(
        n_samples=4000, n_features=20, n_informative=10, n_redundant=4, n_clusters_per_class=3, class_sep=1.5,
        flip_y=0.01, random_state=20,
    )  # fmt: skip
    target = churned.astype(np.int64)
    return Table(
        columns=tuple(Column(name=f"feature_{n:02}", kind="numeric", missing=False) for n in range(features.shape[1])),
        rows=features,
        target=target,
        target_column=contract.USE_CASES["churn"].target_column,
        source="synthetic customers",
        sha256=hashlib.sha256(features.tobytes() + target.tobytes()).hexdigest(),
        notes=(),
    )


def build(table: Table) -> Pipeline:
    """Return the unfitted model for records with the columns of `table`.

    Numbers go to the forest as they are, missing ones included, which scikit-learn's forests handle themselves. With
    text columns in the table, numbers are imputed by their median and categories become one indicator each; a column
    of identifiers is part of the record but not of the model. Raises InputError when nothing else is left.
    """
    # One thread: the serving container already runs one worker for each core.
    forest = RandomForestClassifier(**HYPERPARAMETERS, random_state=SEED, n_jobs=1)
    if all(column.kind == "numeric" for column in table.columns):
        return Pipeline([("model", forest)])
    numeric = [index for index, column in enumerate(table.columns) if column.kind == "numeric"]
    categorical = [
        index
        for index, column in enumerate(table.columns)
        if column.kind == "categorical" and not _is_identifier(table, index)
    ]
    if not numeric and not categorical:
        raise InputError(f"{table.source}: every column only names its row. Add columns that can help to predict")
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE_CATEGORY, sparse_output=False)
    records = ColumnTransformer(
        [("numbers", SimpleImputer(strategy="median"), numeric), ("categories", encoder, categorical)]
    )
    return Pipeline([("records", records), ("model", forest)])


def _is_identifier(table: Table, index: int) -> bool:
    values = [value for value in table.rows[:, index] if value is not None]
    return len(set(values)) > IDENTIFIER * len(values)
