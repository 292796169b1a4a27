"""Will a customer leave? A random forest, on synthetic customers until a data file is given."""

from typing import Any

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from ml.preparation import pipeline
from ml.synthetic import numeric_table
from ml.table import Table

HYPERPARAMETERS: dict[str, Any] = {"n_estimators": 100, "min_samples_leaf": 0.0003}
"""Of scikit-learn's RandomForestClassifier. This is the line to change for a different model.

A leaf holds at least this share of the rows that are fitted on: one of 3000, thirty of 100,000. It keeps the model file
from growing with the rows without end, because a tree then has at most 3333 leaves.
"""

SEARCH_SPACE: dict[str, Any] = {
    "n_estimators": [100, 200, 300],
    "max_depth": [None, 8, 16],
    "min_samples_leaf": [0.0003, 0.0006, 0.0016],
    "max_features": ["sqrt", 0.5],
}
"""What a search may try in place of HYPERPARAMETERS: for each a list of values, or a distribution of scipy's."""

SEED = 4

CARD = {
    "intended_uses": "Rank customers by the risk that they leave, so that somebody can talk to them in time.",
    "factors_affecting_model_efficiency": "Customers, plans or prices unlike those in the training data.",
    "risk_rating": "Low",
    "explanations_for_risk_rating": "A wrong answer costs an offer that was not needed, or one that was not made.",
    "ethical_considerations": "Not for deciding who gets a contract, a price or a service.",
    "caveats_and_recommendations": "Without a data file the model knows made-up customers only.",
}
"""For the model card in the registry (ml/model_card.py)."""


def synthetic(rows: int = 4_000) -> Table:
    """Return made-up customers with 20 numeric features; about half of them leave."""
    features, churned = make_classification(
        n_samples=rows, n_features=20, n_informative=10, n_redundant=4, n_clusters_per_class=3, class_sep=1.5,
        flip_y=0.01, random_state=20,
    )  # fmt: skip
    return numeric_table("churn", features, churned, source="synthetic customers")


def build(table: Table) -> Pipeline:
    """Return the unfitted model for records with the columns of `table`."""
    return pipeline(table, RandomForestClassifier(**HYPERPARAMETERS, random_state=SEED))
