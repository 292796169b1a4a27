"""The model is there before a worker's first request, and a failure to load it is no more than it was without."""

import runpy
import shlex
import subprocess
import sys
from pathlib import Path, PurePosixPath
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import Client

from ml import contract, serving_image, warm_start
from rehearsal.runtimes.container import Application, ClientError

COUNTS = """
loaded = []
def model_fn(folder):
    loaded.append(folder)
    return folder
def transform_fn(model, data, content_type, accept):
    return model, accept
"""
FAILS = """
def model_fn(folder):
    raise OSError("no space left")
"""


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def exception(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(autouse=True)
def _pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process its pandas back."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])


def worker(source: str) -> SimpleNamespace:
    module = ModuleType("inference")
    exec(source, module.__dict__)
    return SimpleNamespace(wsgi=Application(module, Path("model")), log=Log(), module=module)


def test_the_model_is_loaded_once_and_before_the_first_request() -> None:
    one = worker(COUNTS)
    warm_start.post_worker_init(one)

    assert one.module.loaded == ["model"]
    assert Client(one.wsgi).post("/invocations", data=b"1", headers={"Content-Type": "text/csv"}).text == "model"
    assert (one.module.loaded, one.log.lines) == (["model"], [])


def test_a_model_that_cannot_be_loaded_does_not_end_the_worker() -> None:
    one = worker(FAILS)
    warm_start.post_worker_init(one)

    assert one.log.lines == ["the model was not loaded before the first request"]
    with pytest.raises(ClientError, match="no space left"):
        Client(one.wsgi).get("/ping")


WITHOUT_PANDAS = """
import sys
from types import SimpleNamespace
from ml import request_rows, warm_start

def wsgi(*_):
    import sklearn.ensemble
    expected = SimpleNamespace(columns=(request_rows.Column("x", True, False),), all_numeric=True)
    return [request_rows.decode(expected, "0.5\\n" * request_rows.MANY_NUMBERS, request_rows.CSV).tobytes()]

warm_start.post_worker_init(SimpleNamespace(wsgi=wsgi))
print([name for name, module in sys.modules.items() if name.partition(".")[0] == "pandas" and module])
"""


def test_a_worker_does_not_import_pandas_and_answers_all_the_same(source_root: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_PANDAS], cwd=source_root, capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_gunicorn_finds_its_file_where_the_archive_has_the_code(source_root: Path) -> None:
    option, path = shlex.split(serving_image.ENVIRONMENT["GUNICORN_CMD_ARGS"])
    code = PurePosixPath(serving_image.ENVIRONMENT["SAGEMAKER_SUBMIT_DIRECTORY"])

    assert option == "--config"
    assert PurePosixPath(path).parent == code
    assert f"{code.name}/{PurePosixPath(path).name}" in contract.SERVING_FILES
    found: dict[str, Any] = runpy.run_path(str(source_root / "ml" / PurePosixPath(path).name))
    assert callable(found["post_worker_init"])


def test_nothing_is_loaded_before_the_fork() -> None:
    """A gunicorn that has the model preloaded does not end when it is told to."""
    assert "preload" not in serving_image.ENVIRONMENT["GUNICORN_CMD_ARGS"]
    assert not hasattr(warm_start, "preload_app")
