"""Read an HTTP request as the API call that it is, and write results and errors as AWS sends them.

Everything comes from the service models that boto3 itself uses, so a handler sees the parameters that the caller gave
to boto3, whatever the protocol (JSON, REST or query), and the caller's boto3 parses what the handler returned.
"""

import functools
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, Shape, StructureShape
from moto.core.loaders import create_loader
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import ProtocolRouter, get_router_class
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from rehearsal.account.calls import AwsError, Reply

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_SERVICES_BY_SIGNING_NAME = {
    "monitoring": ("cloudwatch",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
    "tagging": ("resourcegroupstaggingapi",),
}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Who signed a request, and for which service and region."""

    access_key_id: str
    region: str
    service: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One decoded API call: boto3's service name, the operation's model and the parameters as boto3 was given them."""

    service: str
    model: OperationModel
    protocol: str
    params: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the operation's name, as "CreateModel"."""
        return str(self.model.name)


_READING = threading.RLock()


def read_signature(authorization: str) -> Signature:
    """Return the signature of an Authorization header. Raises AwsError when there is none."""
    found = _CREDENTIAL.search(authorization)
    if not found:
        raise AwsError("MissingAuthenticationToken", "The request is not signed.", HTTPStatus.FORBIDDEN)
    return Signature(access_key_id=found["key"], region=found["region"], service=found["service"])


def decode(environ: dict[str, Any], signing_name: str) -> Operation:
    """Return the call that this WSGI request makes. Raises AwsError when the service has no such operation."""
    request = Request(environ)
    body = request.get_data()  # before anything else looks at the request: a form parser would swallow it
    for service in _SERVICES_BY_SIGNING_NAME.get(signing_name, (signing_name,)):
        model = _service_model(service)
        protocol = _protocol(model, request)
        try:
            operation, labels = _router(service, protocol).match(request)
        except NotFound:
            continue
        parsed = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": body,
                "url_path": request.path,
                "url_params": labels,
            }
        )
        params = {name: value for name, value in parsed.items() if value is not None}
        return Operation(service=service, model=operation, protocol=protocol, params=params)
    raise AwsError("UnknownOperationException", f"{signing_name} has no operation at {request.method} {request.path}")


def _protocol(model: ServiceModel, request: Request) -> str:
    """Return the protocol in use. A service with only one may carry any content type, as an endpoint's records do."""
    protocols = model.metadata.get("protocols", [model.protocol])
    return str(protocols[0]) if len(protocols) == 1 else determine_request_protocol(model, request.content_type)


@functools.cache
def _router(service: str, protocol: str) -> ProtocolRouter:
    router = get_router_class(service, protocol)
    if router is None:
        raise NotImplementedError(f"protocol {protocol} of {service}")
    return router(_service_model(service))


@functools.cache
def service_models() -> Loader:
    """Return moto's loader of service models, which moto itself makes anew for each service at a cost of seconds.

    Not for boto3: moto adds to the models, and a client of S3 takes the bucket out of the paths in its own.
    """
    return create_loader()


def one_at_a_time(look_up: Callable[..., OperationModel]) -> Callable[..., OperationModel]:
    """Return moto's ServiceModel.operation_model for use by several threads.

    It shares a cache with the botocore method that it calls, where another thread may find botocore's own, poorer
    model for a moment.
    """

    def _locked(self: ServiceModel, operation_name: str) -> OperationModel:
        with _READING:
            return look_up(self, operation_name)

    return _locked


def _service_model(service: str) -> ServiceModel:
    # moto keeps what it has read, but lets several threads read the same large file at once.
    with _READING:
        return get_service_model(service)


def encode_result(operation: Operation, result: Mapping[str, Any] | None) -> Reply:
    """Write a handler's result. Raises ValueError when it is not what the service model describes."""
    shape = operation.model.output_shape
    unknown = list(_unknown_members(result or {}, shape, "")) if shape else list(result or {})
    if unknown:
        raise ValueError(f"{operation.service}:{operation.name} has no such output: {', '.join(unknown)}")
    serializer = get_serializer_class(operation.service, operation.protocol)
    written = serializer(operation.model).serialize(dict(result or {}))
    body = written["body"]
    return Reply(
        status=written["status_code"],
        headers=dict(written["headers"]),
        body=body if isinstance(body, bytes) else body.encode(),
    )


def _unknown_members(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Yield what boto3 would silently drop."""
    if isinstance(shape, StructureShape):
        yield from (f"{path}{name}" for name in value if name not in shape.members)
    for step, item, member in parts(value, shape):
        yield from _unknown_members(item, member, f"{path}{step}.")


def parts(value: Any, shape: Shape) -> Iterator[tuple[str, Any, Shape]]:
    """Yield what a value of this shape holds: where, the part itself and the part's shape. None counts as absent."""
    found: list[tuple[str, Any, Shape]] = []
    if isinstance(shape, StructureShape):
        found = [(name, value.get(name), member) for name, member in shape.members.items()]
    elif isinstance(shape, ListShape):
        found = [(f"{number}.member", item, shape.member) for number, item in enumerate(value, start=1)]
    elif isinstance(shape, MapShape):
        found = [(key, item, shape.value) for key, item in value.items()]
    yield from (part for part in found if part[1] is not None)


def encode_error(protocol: str, error: AwsError) -> Reply:
    """Write an error in the shape of the protocol: S3's bare XML, the query services' wrapped XML, or JSON."""
    # The XML protocols leave the word "Exception" out of this code.
    code = "AccessDenied" if error.code == "AccessDeniedException" else escape(error.code)
    message = escape(error.message)
    if protocol == "rest-xml":
        return _xml(error.status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>")
    if protocol == "query":
        inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return _xml(error.status, f"<ErrorResponse>{inner}</ErrorResponse>")
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    # Where the path does not name the resource, every fault of the caller is a 400.
    callers_fault = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    status = HTTPStatus.BAD_REQUEST if protocol == "json" and callers_fault else error.status
    return Reply(status=status, headers=headers, body=body)


def _xml(status: int, body: str) -> Reply:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{body}'
    return Reply(status=status, headers={"Content-Type": "application/xml"}, body=text.encode())


def json_body(params: Mapping[str, Any]) -> bytes:
    """Write parameters as the body of a JSON service's request."""
    return json.dumps(dict(params), default=_json_value).encode()


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def json_result(reply: Reply) -> dict[str, Any]:
    """Read a JSON service's answer. Raises AwsError when the service refused."""
    content = json.loads(reply.body or b"{}")
    if reply.status < HTTPStatus.BAD_REQUEST:
        return dict(content)
    code = str(content.get("__type", "InternalFailure")).rpartition("#")[2]
    raise AwsError(code, str(content.get("message") or content.get("Message") or ""), reply.status)
