"""What a fitted model keeps of the rows that it was fitted on."""

import pickle

from ml import training, usecases


def test_a_clustering_keeps_no_group_of_each_row() -> None:
    use_case = usecases.load("segmentation")
    few, many = (training.train(use_case.synthetic(rows), use_case.build).model for rows in (300, 3_000))

    assert len(pickle.dumps(many)) - len(pickle.dumps(few)) < 300
