"""The catalogue names what is there: its use cases are the modules of ml/usecases/."""

from pathlib import Path

from ml import catalogue


def test_every_use_case_is_a_module(source_root: Path) -> None:
    modules = {path.stem for path in (source_root / "ml/usecases").glob("*.py")} - {"__init__"}

    assert modules == catalogue.USE_CASES.keys()
    assert catalogue.DEFAULT_USE_CASE in catalogue.USE_CASES
