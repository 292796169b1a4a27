"""The page on use cases is followed to the letter: its file and its line, put into a copy of the tree, are enough."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/new-use-case.md"
NAME = "returns"
TABLE_OF_USE_CASES = "USE_CASES: Mapping[str, UseCase] = MappingProxyType(\n    {\n"

ROAD = f"""
import json
from pathlib import Path
from rehearsal.plan import make_plan
from rehearsal.road import open_road
from tests.silence import Silent

plan = make_plan("dev", [("useCase", "{NAME}"), ("thresholds", "{{}}")])
with open_road(plan, work=Path("walk").resolve(), progress=Silent()) as road:
    execution = road.follow(road.push("Returns"))
    golden = road.golden(road.packages()[0])
    answer = road.ask(json.dumps({{"instances": golden["instances"]}}), "application/json")
    print(execution.status, answer["predictions"] == golden["predictions"], road.endpoint)
"""


def git_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return [Path(name) for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree to which the page was applied."""
    tree = tmp_path_factory.mktemp("project")
    for name in git_files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    page = PAGE.read_text()
    module, line = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert f"`ml/usecases/{NAME}.py`" in page.partition("```python")[0]
    (tree / "ml/usecases" / f"{NAME}.py").write_text(module)
    catalogue = tree / "ml/catalogue.py"
    text = catalogue.read_text()
    assert line.count("\n") == 1
    assert TABLE_OF_USE_CASES in text
    catalogue.write_text(text.replace(TABLE_OF_USE_CASES, TABLE_OF_USE_CASES + line))
    return tree


def run(tree: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, *words], cwd=tree, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_project_has_no_such_use_case_yet() -> None:
    assert not (ROOT / "ml/usecases" / f"{NAME}.py").exists()


def test_the_projects_tests_take_the_new_use_case_in(followed: Path) -> None:
    files = ["usecases", "safe_pickle", "model_card", "import_rooms"]
    words = ["-p", "no:xdist", "-p", "no:cacheprovider", "-k", NAME, *(f"tests/ml/test_{name}.py" for name in files)]
    said = run(followed, "-m", "pytest", *words, "tests/components/test_settings.py")

    assert re.search(r"^(\d+) passed", said, re.MULTILINE), said
    assert int(re.search(r"(\d+) passed", said)[1]) >= 7, said


def test_what_the_page_adds_is_in_the_house_format(followed: Path) -> None:
    changed = [f"ml/usecases/{NAME}.py", "ml/catalogue.py"]
    assert "2 files already formatted" in run(followed, "-m", "ruff", "format", "--check", *changed)
    assert "All checks passed" in run(followed, "-m", "ruff", "check", *changed)


def test_the_new_use_case_walks_the_road(followed: Path) -> None:
    assert run(followed, "-c", ROAD).split() == ["Succeeded", "True", f"mle-004-{NAME}"]
