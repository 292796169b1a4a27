"""Is a payment fraudulent? One in thirty is, so accuracy says nothing: what counts is the ranking of the few."""

from typing import Any

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from ml.preparation import pipeline
from ml.synthetic import numeric_table
from ml.table import Table

HYPERPARAMETERS: dict[str, Any] = {
    "n_estimators": 120,
    "min_samples_leaf": 0.0003,
    "class_weight": "balanced_subsample",
}
"""Of scikit-learn's RandomForestClassifier. The share of rows in a leaf bounds the model file: two rows of 6000."""

SEARCH_SPACE: dict[str, Any] = {
    "n_estimators": [120, 240],
    "min_samples_leaf": [0.00015, 0.0003, 0.0006],
    "max_features": ["sqrt", 0.5],
    "class_weight": [None, "balanced_subsample"],
}
"""What a search may try in place of HYPERPARAMETERS."""

SEED = 5

CARD = {
    "intended_uses": "Choose the payments that a person looks at first.",
    "factors_affecting_model_efficiency": "New patterns of fraud, and a share of fraud other than one in thirty.",
    "risk_rating": "High",
    "explanations_for_risk_rating": "A missed fraud costs money; a payment held back wrongly harms an honest customer.",
    "ethical_considerations": "Not for refusing a payment or closing an account without a person's decision.",
    "caveats_and_recommendations": "Without a data file the model knows made-up payments only.",
}
"""For the model card in the registry (ml/model_card.py)."""


def synthetic(rows: int = 8_000) -> Table:
    """Return made-up payments with 16 numeric features; about one in thirty is fraudulent."""
    features, fraudulent = make_classification(
        n_samples=rows, n_features=16, n_informative=8, n_redundant=3, n_clusters_per_class=2, weights=[0.967],
        class_sep=1.6, flip_y=0.004, random_state=31,
    )  # fmt: skip
    return numeric_table("fraud", features, fraudulent, source="synthetic payments")


def build(table: Table) -> Pipeline:
    """Return the unfitted model for records with the columns of `table`."""
    return pipeline(table, RandomForestClassifier(**HYPERPARAMETERS, random_state=SEED))
