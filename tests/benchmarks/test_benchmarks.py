"""What every benchmark computes from its figures: ratios, growth, straight lines, money; and its sides are real."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestRegressor

from benchmarks import __main__ as command
from benchmarks import approval, bars, figures, imports, install, process, program, training
from benchmarks.bars import Bar
from benchmarks.figures import Figure, Measured
from benchmarks.functions import peak
from components.approval import CODE_FILES


def figure(at: float, *rounds: float) -> Figure:
    return Figure(what="w", side="s", unit="s", rounds=list(rounds), at=at)


def test_ratios_are_of_the_same_round() -> None:
    found = bars.ratio("what", [1, 1, 3], [10, 40, 30], 0.1)

    assert (found.found, found.spread, found.holds) == (0.1, "[0.025 .. 0.1]", True)


def test_sides_take_turns_and_each_goes_first() -> None:
    order: list[str] = []
    figures.take_turns({side: lambda side=side: order.append(side) for side in "ab"}, 3)

    assert "".join(order) == "abbaab"


def test_what_is_written_can_be_read_and_drawn(tmp_path: Path) -> None:
    measured = Measured(figures=[figure(1, 2.0, 4.0, 3.0)], bars=[Bar(what="b", found=float("nan"), most=1.0)])
    figures.write(tmp_path / "x.json", figures.document(measured, 0.5))
    with figures.drawing(tmp_path / "x.svg") as (area,):
        figures.draw_sides(area, measured.figures, "title")

    written = json.loads((tmp_path / "x.json").read_text())
    assert (written["figures"][0]["median"], written["bars"][0]["holds"]) == (3.0, False)
    assert "title" in (tmp_path / "x.svg").read_text()


def test_a_straight_line_does_not_bend_whatever_the_start_takes() -> None:
    assert program.bend((1, 10, 100), [5 + 2 * n for n in (1, 10, 100)]) == pytest.approx(1)
    assert program.bend((1, 10, 100), [5 + n**2 for n in (1, 10, 100)]) == pytest.approx(10)


def test_a_trees_leaves_are_counted_against_what_its_rows_allow() -> None:
    rows = np.arange(400.0)[:, np.newaxis]
    forest = RandomForestRegressor(n_estimators=3, min_samples_leaf=0.05, bootstrap=False).fit(rows, rows[:, 0])

    assert 0.5 < training.leaves(forest)["leaves"] <= 1
    assert training.leaves(KMeans()) == {}


def test_a_build_is_billed_by_begun_minutes() -> None:
    assert training.cost(0.1) == training.cost(59.9) == pytest.approx(0.005)
    assert training.cost(60.1) == pytest.approx(0.01)


def test_a_process_tells_what_it_took_and_why_it_failed() -> None:
    ended = process.run(["sh", "-c", "echo noise; echo '{\"a\": 1}'; echo trouble >&2"])

    assert (ended.said, ended.errors) == ({"a": 1}, "trouble\n")
    with pytest.raises(RuntimeError, match="ended with 3: trouble"):
        process.run(["sh", "-c", "echo trouble >&2; exit 3"])


def test_a_process_knows_its_own_peak_and_not_its_starters() -> None:
    held = bytearray(300_000_000)
    held[::4096] = b"x" * len(held[::4096])

    code = "from benchmarks.functions import peak; print(peak.megabytes())"
    assert process.run([sys.executable, "-c", code]).said < 100 < peak.megabytes()


def test_imports_are_added_up_by_package() -> None:
    lines = ["import time: self [us] | cumulative | imported package", "import time:  1000 |  3000 | a.b"]
    lines += ["import time:  2000 | 2000 | a", "import time: 500 | 500 |   json", "else"]

    assert imports.slowest("\n".join(lines)) == [
        {"package": "a", "seconds": 0.003, "modules": 2},
        {"package": "json", "seconds": 0.0005, "modules": 1},
    ]


def test_what_is_installed_is_what_the_buildspecs_install() -> None:
    assert any(line.endswith("-r buildspecs/requirements-train.txt") for line in install.commands("train"))


def test_the_measured_archive_is_the_functions_and_all_functions_decide(tmp_path: Path) -> None:
    with zipfile.ZipFile(approval.archive(tmp_path)) as packed:
        assert packed.namelist() == list(CODE_FILES)
        packed.extractall(tmp_path / "code")

    for folder, module in ((tmp_path / "code", "ml.lambda_auto_approve"), (approval.FUNCTIONS, "plain")):
        assert approval.cold(folder, module)[approval.SECONDS] > 0


@pytest.mark.parametrize("name", command.NAMES)
def test_every_benchmark_has_what_the_command_asks_of_it(name: str) -> None:
    module = process.ROOT / f"benchmarks/{name}.py"

    assert all(part in module.read_text("utf-8") for part in ("ROUNDS = ", "def measure(rounds", "def draw(measured"))
