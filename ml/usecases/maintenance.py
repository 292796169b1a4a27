"""For how many hours will a machine still run? A forest of regression trees on readings of its sensors.

Readings of one machine resemble each other: a machine is held out whole, because the model must serve machines that it
has not seen.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline

from ml import training
from ml.preparation import pipeline
from ml.synthetic import numeric_table
from ml.table import Table

HYPERPARAMETERS: dict[str, Any] = {"n_estimators": 80, "min_samples_leaf": 0.0012}
"""Of scikit-learn's RandomForestRegressor. The share of rows in a leaf bounds the model file: three rows of 2250."""

SEARCH_SPACE: dict[str, Any] = {
    "n_estimators": [80, 160],
    "min_samples_leaf": [0.0004, 0.0012, 0.0035, 0.0088],
    "max_features": [1.0, 0.6],
}
"""What a search may try in place of HYPERPARAMETERS."""

MACHINE = "machine"
"""Column that names the machine of a reading. It is part of the record but not of the model."""

CARD = {
    "intended_uses": "Plan the next service of a machine that is still running.",
    "factors_affecting_model_efficiency": "Machines, loads or sensors unlike those in the training data.",
    "risk_rating": "Medium",
    "explanations_for_risk_rating": "Hours promised too many end in a stop; too few, in a service that was not needed.",
    "ethical_considerations": "Not for safety: what may hurt somebody is inspected by the maker's schedule.",
    "caveats_and_recommendations": "Without a data file the model knows made-up machines only.",
}
"""For the model card in the registry (ml/model_card.py)."""

SEED = 7
_READINGS, _LIFE_HOURS = 50, 400.0


def synthetic(rows: int = 3_000) -> Table:
    """Return 50 readings of each made-up machine: age wears on heat, vibration and pressure, unequally fast."""
    rng = np.random.default_rng(SEED)
    machines = rows // _READINGS
    machine = np.repeat(np.arange(machines), _READINGS)
    life = rng.normal(_LIFE_HOURS, 50, machines)[machine]
    age = rng.uniform(0, 0.98, len(machine)) * life
    wear = age / life
    heat = 60 + 30 * wear**2 + rng.normal(0, 2, len(machine))
    vibration = 1 + 3 * wear**3 + rng.normal(0, 0.15, len(machine))
    pressure = 8 - 2 * wear + rng.normal(0, 0.3, len(machine))
    load = rng.uniform(0.3, 1.0, len(machine))
    features = np.column_stack([machine, age, heat, vibration, pressure, load])
    names = (MACHINE, "age_hours", "heat", "vibration", "pressure", "load")
    return numeric_table("maintenance", features, life - age, source="synthetic machines", names=names)


def groups(table: Table) -> NDArray[np.str_] | None:
    """Return the machine of each row, None for a table without machines: rows of one are never on both sides."""
    names = [column.name for column in table.columns]
    return table.rows[:, names.index(MACHINE)].astype(str) if MACHINE in names else None


def split(table: Table) -> tuple[training.Indices, training.Indices]:
    """Hold a quarter of the machines out; of a table without them, a quarter of the rows."""
    machines = groups(table)
    if machines is None:
        return training.split(table)
    shuffled = GroupShuffleSplit(n_splits=1, test_size=training.HELD_OUT_SHARE, random_state=SEED)
    fit, held_out = next(shuffled.split(table.rows, groups=machines))
    return fit, held_out


def build(table: Table) -> Pipeline:
    """Return the unfitted model for records with the columns of `table`."""
    return pipeline(table, RandomForestRegressor(**HYPERPARAMETERS, random_state=SEED), without=(MACHINE,))
