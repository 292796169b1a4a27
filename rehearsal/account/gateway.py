"""The one URL: every AWS call of the rehearsal arrives here, is judged, and is answered by a handler or by moto."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app

from rehearsal.account.authorizer import Authorizer
from rehearsal.account.calls import AwsError, Caller, Reply
from rehearsal.account.operations import Operation, decode, encode_error, encode_result, json_body, read_signature
from rehearsal.account.strict_validation import validate

FRONT_PREFIX = "/_rehearsal/"

Answer: TypeAlias = Mapping[str, Any] | Reply | None
Handler: TypeAlias = Callable[[dict[str, Any], Caller], Answer]
Proceed: TypeAlias = Callable[[Mapping[str, Any]], Reply]
Correction: TypeAlias = Callable[[dict[str, Any], Caller, Proceed], Answer]
Front: TypeAlias = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Gateway:
    """A WSGI application. What is registered here lives as long as the gateway."""

    authorizer: Authorizer
    handlers: dict[tuple[str, str], Handler] = field(default_factory=dict)
    corrections: dict[tuple[str, str], Correction] = field(default_factory=dict)
    faults: dict[tuple[str, str], Correction] = field(default_factory=dict)
    fronts: dict[str, Front] = field(default_factory=dict)
    turns: dict[str, threading.Lock] = field(default_factory=dict)
    moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one HTTP request."""
        body = _read(environ)
        if environ["PATH_INFO"].startswith(FRONT_PREFIX):
            reply = self._front(environ["PATH_INFO"].removeprefix(FRONT_PREFIX), body)
        else:
            reply = self._aws(environ, body)
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        start_response(f"{int(reply.status)} {HTTPStatus(reply.status).phrase}", list(headers.items()))
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]

    def _front(self, path: str, body: bytes) -> Reply:
        if path not in self.fronts:
            return Reply(status=HTTPStatus.NOT_FOUND, headers={}, body=f"nothing listens at {path}".encode())
        self.fronts[path](json.loads(body))
        return Reply(status=HTTPStatus.OK, headers={}, body=b"")

    def _aws(self, environ: dict[str, Any], body: bytes) -> Reply:
        protocol = "rest-json"
        try:
            signature = read_signature(environ.get("HTTP_AUTHORIZATION", ""))
            operation = decode(_with_body(environ, body), signature.service)
            protocol = operation.protocol
            caller = self.authorizer.caller(signature)
            validate(operation)
            self.authorizer.authorize(caller, operation, signature.region)
            return self._perform(operation, caller, environ, body)
        except AwsError as refusal:
            return encode_error(protocol, refusal)
        except NotImplementedError as gap:
            return encode_error(
                protocol, AwsError("NotImplemented", f"not emulated: {gap}", HTTPStatus.NOT_IMPLEMENTED)
            )
        except Exception as fault:
            log.exception("the rehearsal itself failed at %s", environ["PATH_INFO"])
            text = f"the rehearsal itself failed: {type(fault).__name__}: {fault}"
            return encode_error(protocol, AwsError("InternalFailure", text, HTTPStatus.INTERNAL_SERVER_ERROR))

    def _perform(self, operation: Operation, caller: Caller, environ: dict[str, Any], body: bytes) -> Reply:
        key = operation.service, operation.name
        handler, correction = self.handlers.get(key), self.corrections.get(key)

        def _proceed(params: Mapping[str, Any]) -> Reply:
            if handler:
                return _reply(operation, handler(dict(params), caller))
            asked = _with_body(environ, body if params == operation.params else json_body(params))
            with self._turn(operation.service):
                return self._ask_moto(asked)

        def _answer(params: Mapping[str, Any]) -> Reply:
            if correction:
                return _reply(operation, correction(dict(params), caller, _proceed))
            return _proceed(params)

        if fault := self.faults.get(key):
            return _reply(operation, fault(dict(operation.params), caller, _answer))
        return _answer(operation.params)

    def _turn(self, service: str) -> threading.Lock:
        """Return what lets one call of a service into moto at a time: it walks through its dictionaries unguarded."""
        return self.turns.setdefault(service, threading.Lock())

    def _ask_moto(self, environ: dict[str, Any]) -> Reply:
        parts, status, headers = run_wsgi_app(self.moto, environ, buffered=True)
        return Reply(status=int(status.split()[0]), headers=dict(headers), body=b"".join(parts))


def _reply(operation: Operation, answer: Answer) -> Reply:
    return answer if isinstance(answer, Reply) else encode_result(operation, answer)


def _read(environ: dict[str, Any]) -> bytes:
    """Read the whole body; the server has already joined a chunked one, which ends by itself."""
    chunked = environ.pop("wsgi.input_terminated", False)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return bytes(environ["wsgi.input"].read(-1 if chunked else int(environ.get("CONTENT_LENGTH") or 0)))


def _with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
