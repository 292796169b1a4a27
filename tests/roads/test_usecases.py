"""Every use case goes from a push to a prediction, on its own table and on real ones that come with scikit-learn."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from ml import catalogue
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.plan import Plan, make_plan
from rehearsal.road import Road, open_road
from tests.silence import Silent

ANSWERS = {
    catalogue.CLASSIFICATION: {"label", "probability"},
    catalogue.REGRESSION: {"value"},
    catalogue.CLUSTERING: {"cluster"},
}


@contextmanager
def released(plan: Plan, folder: Path) -> Iterator[Road]:
    """Open the road and push once; the model must go live."""
    with open_road(plan, work=folder, progress=Silent()) as road:
        execution = road.follow(road.push("A first model"))
        assert execution.status == SUCCEEDED, execution.actions[-1].message
        assert road.cloud.journal.denied() == ()
        yield road


@pytest.mark.parametrize("name", sorted(catalogue.USE_CASES.keys() - {catalogue.DEFAULT_USE_CASE}))
def test_a_use_case_is_one_setting_away(name: str, tmp_path: Path) -> None:
    known = catalogue.USE_CASES[name]
    with released(make_plan("dev", [("useCase", name), ("thresholds", "{}")]), tmp_path) as road:
        (package,) = road.packages()
        golden = road.golden(package)
        answer = road.ask(json.dumps({"instances": golden["instances"]}), "application/json")

    assert answer["predictions"] == golden["predictions"]
    assert all(prediction.keys() == ANSWERS[known.task] for prediction in answer["predictions"])
    assert package["ModelPackageGroupName"] == known.model_package_group
    assert all(f"{metric} " in package["ApprovalDescription"] for metric in known.thresholds)
    card = json.loads(package["ModelCard"]["ModelCardContent"])
    assert card["intended_uses"]["risk_rating"] != "Unknown"
    assert card["training_details"]["training_job_details"]["user_provided_hyper_parameters"]


def table(folder: Path, name: str, columns: Sequence[str], rows: "np.ndarray", target: Sequence[object]) -> Path:
    lines = [",".join([*columns, "outcome"])]
    lines += [",".join([*map(repr, row), str(answer)]) for row, answer in zip(rows.tolist(), target, strict=True)]
    (path := folder / name).write_text("\n".join([*lines, ""]))
    return path


def test_tumours_are_told_apart_from_their_measurements(tmp_path: Path) -> None:
    found = load_breast_cancer()
    labels = [found.target_names[index] for index in found.target]
    data = table(tmp_path, "tumours.csv", [name.replace(" ", "_") for name in found.feature_names], found.data, labels)
    plan = make_plan("dev", [("thresholds.accuracy", "0.9")], data=data, target="outcome")
    with released(plan, tmp_path / "work") as road:
        answer = road.ask("\n".join(",".join(map(str, row)) for row in found.data[:40].tolist()), "text/csv")

    told = [prediction["label"] for prediction in answer["predictions"]]
    assert np.mean([one == other for one, other in zip(told, labels[:40], strict=True)]) > 0.9


def test_the_progress_of_diabetes_is_predicted_as_a_quantity(tmp_path: Path) -> None:
    found = load_diabetes()
    data = table(tmp_path, "diabetes.csv", found.feature_names, found.data, found.target.tolist())
    settings = [("useCase", "maintenance"), ("thresholds", "{}"), ("thresholds.r2", "0.3")]
    with released(make_plan("dev", settings, data=data, target="outcome"), tmp_path / "work") as road:
        records = [dict(zip(found.feature_names, row, strict=True)) for row in found.data[:60].tolist()]
        answer = road.ask(json.dumps({"instances": records}), "application/json")

    told = [prediction["value"] for prediction in answer["predictions"]]
    assert np.corrcoef(told, found.target[:60])[0, 1] > 0.6
