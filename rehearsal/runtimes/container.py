"""The scikit-learn serving container's contract, as a process of its own.

Follows the single-model road of the image: sagemaker-scikit-learn-container (serving.py) on sagemaker-containers 2.8.6
(transformer, worker, encoders), single process instead of gunicorn behind nginx. It stands alone: beside the standard
library it needs Flask and numpy, and the user's code sees what the image has of our packages and none of our modules.
One line on standard input names the model's folder and the file for the port, which is a free one of 127.0.0.1. The
process ends when its standard input is closed.
"""

import csv
import importlib
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import flask
import numpy as np
from werkzeug.serving import WSGIRequestHandler, make_server

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
ANY = "*/*"
# Compared with the whole header: "text/csv; charset=utf-8" is neither text nor decoded.
UTF8_TYPES = (JSON, CSV)

MODEL_ROOT = "/opt/ml/model"

# Imported while there is no model yet, because they take longer than everything else.
_LIBRARIES = ("sklearn.compose", "sklearn.ensemble", "sklearn.pipeline")


class UnsupportedFormatError(Exception):
    """The default functions do not know this content type."""


class ClientError(Exception):
    """Whatever user code raised. The container wraps its own default functions alike."""


class SetupError(Exception):
    """The archive or the environment does not make a server."""


# --- default functions -----------------------------------------------------------------------------------------------


def default_input_fn(content: Any, content_type: str) -> Any:
    """Decode CSV, JSON (both to float32) or npy. One CSV row becomes one-dimensional, which `predict` refuses."""
    if content_type == NPY:
        # The container allows pickles here, which lets a request run code; this is somebody's own machine.
        return np.load(io.BytesIO(content), allow_pickle=False)
    if content_type == JSON:
        return np.array(json.loads(content)).astype(np.float32)
    if content_type == CSV:
        rows = csv.reader(io.StringIO(content), delimiter=",", quotechar='"', doublequote=True, strict=True)
        return np.array(list(rows)).squeeze().astype(np.float32)
    raise UnsupportedFormatError(content_type)


def default_predict_fn(data: Any, model: Any) -> Any:
    """Return the class, not the probability."""
    return model.predict(data)


def default_output_fn(prediction: Any, accept: str) -> flask.Response:
    """Encode as npy, CSV or JSON."""
    return _response(_encode(prediction, accept), accept)


def _encode(prediction: Any, accept: str) -> str | bytes:
    if accept == NPY:
        buffer = io.BytesIO()
        np.save(buffer, prediction)
        return buffer.getvalue()
    if accept == JSON:
        return json.dumps(prediction, default=lambda value: value.tolist())
    if accept == CSV:
        array = np.array(prediction)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", delimiter=",", quotechar='"', doublequote=True, strict=True)
        writer.writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
        return text.getvalue()
    raise UnsupportedFormatError(accept)


def _response(body: Any, mimetype: Any) -> flask.Response:
    return flask.Response(body, mimetype=mimetype or JSON)


# --- user code -------------------------------------------------------------------------------------------------------


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn whatever the function raises into ClientError.

    Hence no exception of an input_fn or output_fn makes a 415 or a 406: the answer is 500. Only a returned response
    can carry another status.
    """

    def call(*arguments: Any) -> Any:
        """Call the function."""
        try:
            return function(*arguments)
        except Exception as error:
            raise ClientError(error) from error

    return call


def transformer(module: ModuleType) -> Callable[[Any, Any, str, str], Any]:
    """Return (model, content, content_type, accept) -> result from the user's functions.

    Raises SetupError when the module has transform_fn beside one of the functions that it replaces.
    """
    transform_fn = getattr(module, "transform_fn", None)
    parts = [getattr(module, name, None) for name in ("input_fn", "predict_fn", "output_fn")]
    if transform_fn and any(parts):
        raise SetupError("Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn")
    if transform_fn:
        return wrapped(transform_fn)
    defaults = (default_input_fn, default_predict_fn, default_output_fn)
    input_fn, predict_fn, output_fn = (wrapped(own or default) for own, default in zip(parts, defaults, strict=True))
    return lambda model, content, content_type, accept: output_fn(
        predict_fn(input_fn(content, content_type), model), accept
    )


class Application:
    """The WSGI application. The model is loaded by the first request, a ping as well, and again while that fails."""

    def __init__(self, module: ModuleType, model_folder: Path) -> None:
        self._module = module
        self._model_folder = model_folder
        self._lock = threading.Lock()
        self._app: flask.Flask | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        with self._lock:
            if self._app is None:
                self._app = self._load()
        return self._app(environ, start_response)

    def _load(self) -> flask.Flask:
        transform = transformer(self._module)
        model_fn = getattr(self._module, "model_fn", None)
        if model_fn is None:
            raise NotImplementedError("Please provide a model_fn implementation.")
        model = wrapped(model_fn)(str(self._model_folder))
        app = flask.Flask(self._module.__name__)

        def invocations() -> Any:
            """Answer one POST."""
            request = flask.request
            content_type = request.headers.get("ContentType") or request.headers.get("Content-Type") or JSON
            content = request.get_data(as_text=True) if content_type in UTF8_TYPES else request.get_data()
            result = transform(model, content, content_type, _accepted(request.headers.get("Accept")))
            # A pair is (body, content type) here, not Flask's (body, status).
            return _response(result[0], result[1]) if isinstance(result, tuple) else result

        app.add_url_rule("/invocations", view_func=invocations, methods=["POST"])
        app.add_url_rule("/ping", endpoint="ping", view_func=lambda: _response(None, JSON))
        return app


def _accepted(header: str | None) -> str:
    if not header or header == ANY:
        return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
    return header


def load_user_module(model_folder: Path) -> ModuleType:
    """Import SAGEMAKER_PROGRAM from SAGEMAKER_SUBMIT_DIRECTORY, which must lie in the model archive.

    Raises SetupError when the container could not find it, or would have to install packages for it.
    """
    program = os.environ.get("SAGEMAKER_PROGRAM")
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if not program:
        raise SetupError("SAGEMAKER_PROGRAM is not set")
    if not (submitted + "/").startswith(MODEL_ROOT + "/"):
        raise SetupError(f"SAGEMAKER_SUBMIT_DIRECTORY must lie in {MODEL_ROOT}, it is {submitted!r}")
    folder = model_folder / submitted.removeprefix(MODEL_ROOT).lstrip("/")
    if (folder / "requirements.txt").exists():
        raise SetupError("code/requirements.txt: the container would install it from the internet at every start")
    # Last, as gunicorn's --pythonpath has it: an installed package of the same name wins.
    sys.path.append(str(folder))
    return importlib.import_module(program.removesuffix(".py"))


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of requests that were answered."""


def _first_line() -> bytes:
    # Unbuffered, because another reader takes over; empty when the parent has gone.
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1)):
        line += byte
    return line


def _end_with_parent() -> None:
    # Unbuffered: a thread inside of a buffered read would break the end of the interpreter.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)


def main() -> None:
    """Wait for a line of JSON with a model's folder and a file for the port, then serve until killed.

    Raises what importing the user's code raises.
    """
    for library in _LIBRARIES:
        importlib.import_module(library)
    line = _first_line()
    if not line:
        return
    launch = json.loads(line)
    model_folder, ready_file = Path(launch["model_folder"]), Path(launch["ready_file"])
    os.chdir(model_folder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module = load_user_module(model_folder)
    server = make_server(
        "127.0.0.1", 0, Application(module, model_folder), threaded=True, request_handler=_QuietHandler
    )
    partial = ready_file.with_suffix(".partial")
    partial.write_text(str(server.server_port), encoding="ascii")
    # Renamed, so that the reader never sees an empty file.
    partial.replace(ready_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
