"""Which groups of customers are there? k-means on scaled records; nobody tells it the answer."""

from typing import Any

from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.pipeline import Pipeline

from ml.preparation import pipeline
from ml.synthetic import numeric_table
from ml.table import Table

HYPERPARAMETERS: dict[str, Any] = {"n_clusters": 4, "n_init": 10}
"""Of scikit-learn's KMeans."""

SEARCH_SPACE: dict[str, Any] = {"n_clusters": [2, 3, 4, 5, 6, 8], "n_init": [10, 20]}
"""What a search may try in place of HYPERPARAMETERS."""

SEED = 6

CARD = {
    "intended_uses": "Group customers for reports and campaigns. The groups carry numbers, not names.",
    "factors_affecting_model_efficiency": "Columns that say little about behaviour, and groups that change over time.",
    "risk_rating": "Low",
    "explanations_for_risk_rating": "A customer in the wrong group gets the wrong campaign.",
    "ethical_considerations": "Look at what the groups have in common before they decide about prices or service.",
    "caveats_and_recommendations": "A new version may number the groups otherwise: read them anew.",
}
"""For the model card in the registry (ml/model_card.py)."""


def synthetic(rows: int = 3_000) -> Table:
    """Return made-up customers with 6 numeric features in four groups that touch each other."""
    features, _ = make_blobs(n_samples=rows, n_features=6, centers=4, cluster_std=2.2, random_state=12)
    return numeric_table("segmentation", features, None, source="synthetic customers")


def build(table: Table) -> Pipeline:
    """Return the unfitted model for records with the columns of `table`."""
    return pipeline(table, KMeans(**HYPERPARAMETERS, random_state=SEED), scaled=True)
