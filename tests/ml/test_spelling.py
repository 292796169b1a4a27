"""Numbers and classes that are spelt for people: told of, never converted."""

import json
from typing import Any

import numpy as np
import pytest

from ml import evidence, spelling, training, usecases
from ml.table import Table, read_table


def table(*values: str, column: str = "spend") -> Table:
    """Return a table whose text column holds `values` over and over, beside a number."""
    lines = [f'"{values[row % len(values)]}",{row},{row % 3 % 2}' for row in range(60)]
    return read_table("\n".join([f"{column},other,y", *lines]).encode(), name="orders.csv", target="y")


@pytest.mark.parametrize(
    ("values", "example"),
    [
        (("6,123.45", "512.00"), "6,123.45"),
        (("1,234,567", "-1,000"), "1,234,567"),
        (("12%", "7.5%", "+3%", "0"), "12%"),
        (("1234.5%", "n/a", "99%"), "1234.5%"),
    ],
)
def test_numbers_that_are_read_as_text_are_told_with_the_repair(values: tuple[str, ...], example: str) -> None:
    assert spelling.warnings(table(*values)) == (
        f"column 'spend' looks like numbers and is taken as text, such as {example!r}. Write them without separators"
        " and percent signs",
    )


@pytest.mark.parametrize(
    "values",
    [
        ("6123.45", "512.00"),
        ("basic", "plus"),
        ("1,2", "3,4"),
        ("12%", "unknown", "none at all"),
        ("10.0.0.1", "10.0.0.2"),
        ("2024-01-02", "2024-02-01"),
        ("12", "7", "x", "5"),
    ],
)
def test_whatever_else_text_says_is_no_such_number(values: tuple[str, ...]) -> None:
    assert spelling.warnings(table(*values)) == ()


def answered(*labels: str) -> Table:
    lines = [f"{row},{labels[row % len(labels)]}" for row in range(90)]
    return read_table("\n".join(["spend,left", *lines]).encode(), name="orders.csv", target="left")


@pytest.mark.parametrize("label", ["NA", "n/a", "#N/A", "null", "None", "nan"])
def test_a_class_that_reads_like_a_missing_value_is_told(label: str) -> None:
    spelt = answered("Yes", "No", label)
    assert label in spelt.target
    assert spelling.warnings(spelt) == (
        f"class {label!r} of 'left' reads like a missing value and is learnt as a class. Leave the field empty where"
        " the answer is not known",
    )


@pytest.mark.parametrize("labels", [("Yes", "No", ""), ("1", "0", "NA"), ("nano", "nonesuch"), ("2", "1", "0")])
def test_other_classes_are_just_classes_and_rows_without_one_are_left_out(labels: tuple[str, ...]) -> None:
    spelt = answered(*labels)
    assert spelling.warnings(spelt) == ()
    assert len(np.unique(spelt.target)) == len(set(labels) - {"", "NA"})


def gathered(spelt: Table) -> tuple[evidence.Evidence, Any]:
    model = training.train(spelt, lambda table: usecases.load("churn").build(table).set_params(model__n_estimators=2))
    found = evidence.gather(spelt, model, use_case="churn", confidence=0.95)
    return found, json.loads(found.document)["data"]["warnings"]


@pytest.mark.slow
def test_a_warning_is_in_the_evaluation_and_among_the_evidence() -> None:
    spelt = table(*(f"{value:,.2f}" for value in np.linspace(900, 9000, 40)))
    found, written = gathered(spelt)
    assert written == list(spelling.warnings(spelt))
    assert set(written) <= set(found.warnings)
    assert len(written) == 1
