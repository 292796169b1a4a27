import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from werkzeug.test import Client

from rehearsal.runtimes import container
from rehearsal.runtimes.container import Application, ClientError, SetupError
from rehearsal.runtimes.interpreter import isolated
from tests.rehearsal.runner_account import eventually

DEFAULTS = """
class Sum:
    def predict(self, rows):
        assert rows.ndim == 2, "Expected 2D array"
        return rows.sum(axis=1)
def model_fn(folder):
    return Sum()
"""
ROWS = b"1,2\n3,4.5\n"


def serve(source: str) -> Client:
    """Return a client of the application around this user code."""
    module = ModuleType("inference")
    exec(source, module.__dict__)
    return Client(Application(module, Path("/opt/ml/model")))


def post(client: Client, body: bytes, content_type: str | None = "text/csv", **headers: str) -> Any:
    given = {"Content-Type": content_type} if content_type else {}
    return client.post("/invocations", data=body, headers={**given, **headers})


# --- the default functions


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ROWS, "text/csv"),
        (b"[[1, 2], [3, 4.5]]", "application/json"),
        (b"[[1, 2], [3, 4.5]]", None),
    ],
)
def test_text_is_decoded_to_float32_and_answered_as_json(body: bytes, content_type: str | None):
    answer = post(serve(DEFAULTS), body, content_type)
    assert (answer.status_code, answer.json, answer.content_type) == (200, [3.0, 7.5], "application/json")


def test_numpy_arrays_are_taken_and_given_but_pickles_in_them_are_not():
    client = serve(DEFAULTS)
    body = io.BytesIO()
    np.save(body, np.array([[1.0, 2.0]]))
    answer = post(client, body.getvalue(), "application/x-npy", Accept="application/x-npy")
    assert np.load(io.BytesIO(answer.data)).tolist() == [3.0]
    pickled = io.BytesIO()
    np.save(pickled, np.array([[1, 2]], dtype=object), allow_pickle=True)
    assert post(client, pickled.getvalue(), "application/x-npy").status_code == 500


def test_csv_answers_have_one_line_for_each_row():
    answer = post(serve(DEFAULTS), ROWS, Accept="text/csv")
    assert (answer.text, answer.content_type) == ("3.0\n7.5\n", "text/csv; charset=utf-8")


def test_one_csv_row_loses_a_dimension_so_that_predict_fails():
    assert post(serve(DEFAULTS), b"1,2").status_code == 500


@pytest.mark.parametrize(
    ("content_type", "accept"),
    [
        ("image/png", "*/*"),
        ("text/csv; charset=utf-8", "*/*"),
        ("text/csv", "image/png"),
        ("text/csv", "text/csv, */*"),
    ],
)
def test_a_type_that_the_defaults_do_not_know_is_an_internal_error_not_a_415_or_406(content_type: str, accept: str):
    assert post(serve(DEFAULTS), ROWS, content_type, Accept=accept).status_code == 500


def test_the_default_answer_can_be_chosen_by_a_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
    client = serve(DEFAULTS)
    assert post(client, ROWS, Accept="*/*").text == "3.0\n7.5\n"
    assert post(client, ROWS, Accept="application/json").json == [3.0, 7.5]


# --- the user's functions


def test_the_four_functions_are_called_in_turn():
    client = serve("""
import json
def model_fn(folder): return folder
def input_fn(data, content_type): return [type(data).__name__, data if isinstance(data, str) else "", content_type]
def predict_fn(data, model): return [*data, model]
def output_fn(prediction, accept): return json.dumps([*prediction, accept]), "application/json"
""")
    assert post(client, b"a", "text/csv", Accept="x/y").json == ["str", "a", "text/csv", "/opt/ml/model", "x/y"]
    assert post(client, b"a", "text/csv; charset=utf-8").json[0] == "bytes"


@pytest.mark.parametrize(
    ("returned", "status", "content_type", "body"),
    [
        ("('a', 'text/plain')", 200, "text/plain; charset=utf-8", "a"),
        ("(b'a', 'image/png')", 200, "image/png", "a"),
        ("'a'", 200, "text/html; charset=utf-8", "a"),
        ("werkzeug.Response('no', status=415)", 415, "text/plain; charset=utf-8", "no"),
        ("flask.Response('no', status=406)", 406, "text/html; charset=utf-8", "no"),
    ],
)
def test_a_pair_a_text_or_a_response_may_be_returned(returned: str, status: int, content_type: str, body: str):
    answer = post(
        serve(f"""
import flask, werkzeug
def model_fn(folder): return 1
def transform_fn(model, data, content_type, accept): return {returned}
"""),
        b"x",
    )
    assert (answer.status_code, answer.content_type, answer.text) == (status, content_type, body)


@pytest.mark.parametrize("returned", ["None", "5", "('a', 415)"])
def test_anything_else_that_is_returned_is_an_internal_error(returned: str):
    client = serve(f"""
def model_fn(folder): return 1
def transform_fn(model, data, content_type, accept): return {returned}
""")
    assert post(client, b"x").status_code == 500


@pytest.mark.parametrize(
    "function", ["input_fn(data, content_type)", "transform_fn(model, data, content_type, accept)"]
)
def test_no_exception_of_user_code_chooses_the_status(function: str):
    client = serve(f"""
import werkzeug.exceptions
def model_fn(folder): return 1
def {function}: raise werkzeug.exceptions.UnsupportedMediaType()
""")
    assert post(client, b"x").status_code == 500


def test_transform_fn_beside_a_function_that_it_replaces_is_refused():
    client = serve("""
def model_fn(folder): return 1
def transform_fn(model, data, content_type, accept): return "x"
def output_fn(prediction, accept): return "x"
""")
    with pytest.raises(SetupError, match="Cannot use transform_fn implementation with input_fn"):
        client.get("/ping")


# --- health


def test_the_first_request_loads_the_model_once_and_a_ping_is_a_request(tmp_path: Path):
    client = serve(f"""
import pathlib
def model_fn(folder):
    with pathlib.Path({str(tmp_path / "loads")!r}).open("a") as file: file.write("x")
def transform_fn(model, data, content_type, accept): return "x"
""")
    assert not (tmp_path / "loads").exists()
    assert [client.get("/ping").status_code, client.get("/ping").status_code, post(client, b"x").status_code] == [
        200
    ] * 3
    assert (tmp_path / "loads").read_text() == "x"


@pytest.mark.parametrize(
    ("source", "error", "reason"),
    [
        ("def model_fn(folder): raise ValueError('bad pickle')", ClientError, "bad pickle"),
        ("def input_fn(data, content_type): pass", NotImplementedError, "Please provide a model_fn implementation."),
    ],
)
def test_a_model_that_does_not_load_fails_every_ping(source: str, error: type[Exception], reason: str):
    client = serve(source)
    for _ in range(2):
        # The server answers 500 to whatever the application raises.
        with pytest.raises(error, match=reason):
            client.get("/ping")


def test_only_the_two_paths_are_served():
    client = serve(DEFAULTS)
    assert client.get("/invocations").status_code == 405
    assert client.post("/ping").status_code == 405
    assert client.get("/other").status_code == 404


# --- start


def environment(**changes: str | None) -> dict[str, str]:
    usual = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "files", "message"),
    [
        ({"SAGEMAKER_PROGRAM": None}, {}, "SAGEMAKER_PROGRAM is not set"),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": None}, {}, "must lie in /opt/ml/model, it is ''"),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/models"}, {}, "must lie in /opt/ml/model"),
        ({}, {"code/requirements.txt": "x"}, "would install it from the internet"),
    ],
)
def test_a_setup_that_the_container_cannot_start_with_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changes: dict[str, str | None],
    files: dict[str, str],
    message: str,
):
    for name in ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(**changes).items():
        monkeypatch.setenv(name, value)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SetupError, match=message):
        container.load_user_module(tmp_path)


def test_an_installed_package_wins_over_user_code_of_the_same_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/colorsys.py").write_text("")
    for name, value in environment(SAGEMAKER_PROGRAM="colorsys.py").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert hasattr(container.load_user_module(tmp_path), "rgb_to_hsv")


def waiting(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*isolated(folder), container.__file__], env=environment(), stdin=subprocess.PIPE)


def test_a_container_whose_parent_goes_before_a_model_comes_ends(tmp_path: Path):
    process = waiting(tmp_path)
    process.communicate()
    assert process.returncode == 0


def test_the_process_writes_its_port_and_ends_when_its_parent_is_gone(tmp_path: Path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/inference.py").write_text(DEFAULTS)
    port = tmp_path / "port"
    process = waiting(tmp_path)
    assert process.stdin
    process.stdin.write(json.dumps({"model_folder": str(tmp_path), "ready_file": str(port)}).encode() + b"\n")
    process.stdin.flush()
    eventually(port.exists, seconds=60)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(10) == 0
    assert int(port.read_text()) > 0
