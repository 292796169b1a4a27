"""What the serving benchmark compares gives equal answers: neither side may be fast by being wrong."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.bars import Bar
from benchmarks.serving import bars, measure, models, stack
from benchmarks.serving.measure import CSV, JSON
from ml import catalogue, inference


class InProcess:
    """A side without its stack: the user's functions, called as the transformer calls them."""

    def __init__(self, case: models.Case, side: str, folder: Path) -> None:
        code = stack.SIDES[side]
        case.write(folder / side, code)
        spec = importlib.util.spec_from_file_location(f"side_{side}", code or inference.__file__)
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.model = self.module.model_fn(str(folder / side))

    def ask(self, content: bytes, kind: str) -> Any:
        if hasattr(self.module, "transform_fn"):
            answer = self.module.transform_fn(self.model, content.decode(), kind, JSON)
            assert isinstance(answer, tuple), answer.get_data()
            return answer[0]
        rows = self.module.input_fn(content.decode(), kind)
        return self.module.output_fn(self.module.predict_fn(rows, self.model), JSON)[0]


def sides(name: str, folder: Path) -> tuple[models.Case, Any]:
    (case,) = models.cases([name])
    return case, {side: InProcess(case, side, folder) for side in ("ours", "naive")}


@pytest.mark.parametrize("name", [name for name in models.CASES if name != bars.DEEP])
def test_both_sides_give_the_same_answers(name: str, tmp_path: Path) -> None:
    case, both = sides(name, tmp_path)

    for kind in (CSV, JSON):
        for gaps in (False, True):
            for rows in (1, 33, 200):
                assert measure.difference(case, both, rows, kind, gaps=gaps) < bars.SAME


def test_a_side_that_is_wrong_in_the_gaps_is_seen(tmp_path: Path) -> None:
    case, both = sides(bars.DEFAULT, tmp_path)
    right = both["ours"].model.estimator.predict_proba
    wrong = SimpleNamespace(predict_proba=lambda rows: right(np.nan_to_num(rows)))
    both["ours"].model = both["ours"].model._replace(estimator=wrong)

    assert measure.difference(case, both, 200, CSV, gaps=False) < bars.SAME
    assert measure.difference(case, both, 200, CSV, gaps=True) > 0.01


def test_every_use_case_is_measured() -> None:
    assert not set(catalogue.USE_CASES) - models.CASES.keys()


def test_a_bar_needs_a_number_within_it() -> None:
    assert Bar(what="", found=1.0, most=1.0).holds
    assert not Bar(what="", found=1.1, most=1.0).holds
    assert not Bar(what="", found=float("nan"), most=1.0).holds


def test_ratios_are_of_the_same_round() -> None:
    def figure(side: str, rounds: list[float]) -> measure.Figure:
        return measure.Figure(
            case=bars.DEFAULT, side=side, rows=1, kind=CSV, clients=1, p50=0, p99=0, lowest=0, highest=0, processor=0,
            rounds=rounds, processor_rounds=rounds,
        )  # fmt: skip

    found = list(bars.of_load([figure("naive", [10, 40, 30]), figure("ours", [1, 1, 3]), figure("floor", [1, 1, 1])]))

    assert [(bar.found, bar.most, bar.holds) for bar in found] == [(0.1, 0.05, False), (1, 1.6, True)]
