"""The models that the road can train: one module each, named in `ml.catalogue.USE_CASES`."""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, cast

from ml import catalogue, training
from ml.errors import InputError
from ml.table import Table


class UseCase(Protocol):
    """What a module of this package offers.

    It may also have `split(table) -> (rows to fit on, rows to hold out)`, `groups(table)`, a label for each row whose
    equals belong together, and SEARCH_SPACE: parameter of the estimator -> values, a list or a scipy distribution.
    `synthetic` may take a number of rows, for the training benchmark.
    And CARD: what the model card in the registry says, by the keys of `ml.model_card`. Its purpose is the docstring.
    """

    def synthetic(self) -> Table:
        """Return the table to train on when no data file is given: always the same one."""

    def build(self, table: Table) -> Any:
        """Return an unfitted scikit-learn Pipeline that takes raw records with the columns of `table`.

        It classifies, predicts a quantity or assigns a cluster, as the use case's task says. It must pickle with
        references to what ml/safe_pickle.py allows: the serving container has nothing of ours.
        """


def load(name: str) -> UseCase:
    """Return the use case called `name`. Raises InputError when the catalogue names no such use case."""
    if name not in catalogue.USE_CASES:
        known = ", ".join(sorted(catalogue.USE_CASES))
        raise InputError(f"use case {name!r} is not known; there is {known}. Set useCase to one of them")
    return cast(UseCase, importlib.import_module(f"{__name__}.{name}"))


def card_words(use_case: UseCase) -> Mapping[str, str]:
    """Return what the use case itself says about its model, for the model card."""
    return {"purpose_of_model": use_case.__doc__ or "", **getattr(use_case, "CARD", {})}


def split_of(use_case: UseCase) -> training.Split:
    """Return how the use case divides its rows: its own way, or everybody's."""
    split: training.Split = getattr(use_case, "split", training.split)
    return split
