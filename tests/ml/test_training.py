"""What a fitted model keeps of the rows that it was fitted on."""

import pickle

import pytest

from ml import training, usecases


@pytest.mark.parametrize("name", ["segmentation"])
def test_a_clustering_keeps_no_group_of_each_row(name: str) -> None:
    use_case = usecases.load(name)
    few, many = (training.train(use_case.synthetic(rows), use_case.build).model for rows in (300, 3_000))

    assert len(pickle.dumps(many)) - len(pickle.dumps(few)) < 300
