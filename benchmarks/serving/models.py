"""The models that are served: what the use cases offer, a deep forest, a table with text, and two other estimators."""

import csv
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from ml import catalogue, contract, packaging, training, usecases
from ml.preparation import pipeline
from ml.synthetic import numeric_table
from ml.table import Table, read_table

DEEP_ROWS = 80_000
GAPS = 0.1
"""Share of the values that are missing in the requests that compare answers."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fitted model, its table, and the rows that requests are made of."""

    name: str
    model: Any
    table: Table

    def write(self, folder: Path, code: Path | None) -> None:
        """Write a model directory: ours, or with `code` as the user's inference.py."""
        (folder / "code").mkdir(parents=True)
        (folder / contract.MODEL_FILE).write_bytes(pickle.dumps(self.model, protocol=packaging.PICKLE_PROTOCOL))
        # Requests of the comparison have gaps everywhere; what is refused cannot be compared.
        columns = tuple(replace(column, missing=True) for column in self.table.columns)
        metadata = packaging.describe(self.model, replace(self.table, columns=columns), self.name)
        (folder / contract.METADATA_FILE).write_text(json.dumps(metadata))
        members = contract.SERVING_FILES if code is None else [contract.INFERENCE_FILE]
        for member in members:
            source = code or Path(packaging.__file__).parent / Path(member).name
            (folder / member).write_bytes(source.read_bytes())

    def rows(self, count: int, *, gaps: bool = False) -> NDArray[Any]:
        """Return `count` of the table's records, over and over when it has fewer."""
        rows = self.table.rows[np.arange(count) % len(self.table.rows)].copy()
        if gaps:
            missing = np.random.default_rng(1).random(rows.shape) < GAPS
            for index, column in enumerate(self.table.columns):
                rows[missing[:, index], index] = np.nan if column.kind == "numeric" else None
        return rows


def cases(names: list[str]) -> list[Case]:
    """Return the cases of these names."""
    return [CASES[name](name) for name in names]


def body(rows: NDArray[Any], kind: str, empty: str = "") -> bytes:
    """Return the request for `rows`; `empty` is how CSV leaves out a value."""
    values = [[None if value != value else value for value in row] for row in rows.tolist()]
    if kind == "application/json":
        return json.dumps(values).encode()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[empty if v is None else v for v in row] for row in values])
    return text.getvalue().encode()


def _use_case(name: str) -> Case:
    use_case = usecases.load(name)
    table = use_case.synthetic()
    return Case(name=name, model=training.train(table, use_case.build).model, table=table)


def _deep(name: str) -> Case:
    features, target = make_classification(DEEP_ROWS, 20, n_informative=10, flip_y=0.05, random_state=3)
    table = numeric_table("churn", features, target, source="many synthetic customers")
    return _fitted(name, table, usecases.load("churn").build(table))


def _text(name: str) -> Case:
    rng = np.random.default_rng(3)
    lines = ["months,plan,city,spend,visits,channel,churned"]
    for _ in range(4000):
        months, plan = int(rng.integers(1, 60)), rng.choice(["basic", "plus", "pro"])
        leaves = "yes" if (months < 20) != (plan == "plus") else "no"
        city, channel = rng.choice(["Graz", "Linz", "Wien", ""]), rng.choice(["shop", "web", "phone"])
        spend = "" if rng.random() < 0.1 else f"{rng.normal(50, 9):.2f}"
        lines.append(f"{months},{plan},{city},{spend},{int(rng.integers(0, 90))},{channel},{leaves}")
    table = read_table("\n".join(lines).encode(), name="customers.csv", target="churned")
    return _fitted(name, table, usecases.load("churn").build(table))


def _other(estimator: Any, *, scaled: bool) -> Callable[[str], Case]:
    def make(name: str) -> Case:
        table = usecases.load("churn").synthetic()
        return _fitted(name, table, pipeline(table, estimator, scaled=scaled))

    return make


def _fitted(name: str, table: Table, model: Any) -> Case:
    return Case(name=name, model=model.fit(table.rows, table.target), table=table)


CASES: dict[str, Callable[[str], Case]] = {
    **dict.fromkeys(sorted(catalogue.USE_CASES), _use_case),
    "deep forest": _deep,
    "forest on text": _text,
    "boosting": _other(HistGradientBoostingClassifier(), scaled=False),
    "logistic": _other(LogisticRegression(max_iter=1000), scaled=True),
}
