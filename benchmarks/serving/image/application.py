"""The WSGI application of the serving image, around the real transformer of sagemaker-containers.

It stands for `sagemaker_sklearn_container.serving`, which no index publishes: the user's module is imported and its
model loaded by a worker's first request. Alone in its folder, so that nothing else of this repository is importable.
"""

import collections
import collections.abc
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]  # as the image does

from sagemaker_containers.beta.framework import env, transformer, worker  # noqa: E402

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HOOKS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")

_app: "WSGIApplication | None" = None


def main(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request."""
    global _app
    if _app is None:
        serving = env.ServingEnv()
        module = importlib.import_module(serving.module_name)
        hooks = {name: getattr(module, name) for name in HOOKS if hasattr(module, name)}
        transform = transformer.Transformer(**hooks)
        transform.initialize()
        _app = worker.Worker(transform_fn=transform.transform, module_name=serving.module_name)
    return _app(environ, start_response)
