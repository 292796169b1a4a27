"""Clients that ask one after the other: each a connection of its own for each request, as nginx has in the image."""

import selectors
import socket
import time
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200"


@dataclass
class _Client:
    connection: socket.socket
    started: float
    head: bytes = field(default=b"")


def request(body: bytes, kind: str) -> bytes:
    """Return the bytes of one invocation."""
    head = (
        "POST /invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: {kind}\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def latencies(port: int, message: bytes, *, clients: int, seconds: float, least: int) -> list[float]:
    """Return the seconds of each answer: `clients` at once, for `seconds` and until there are `least` answers.

    Raises RuntimeError for an answer other than 200. One thread serves all clients, so they do not wait for each other
    more than for the processor.
    """
    found: list[float] = []
    with selectors.DefaultSelector() as ready:
        end = time.perf_counter() + seconds
        for _ in range(clients):
            _begin(ready, port, message)
        while ready.get_map():
            for key, _ in ready.select():
                client = key.data
                received = client.connection.recv(1 << 20)
                client.head = client.head or received[: len(OK)]
                if received:
                    continue
                now = time.perf_counter()
                found.append(now - client.started)
                ready.unregister(client.connection)
                client.connection.close()
                if client.head != OK:
                    raise RuntimeError(f"port {port} answers {client.head!r}")
                if now < end or len(found) < least:
                    _begin(ready, port, message)
    return found


def _begin(ready: selectors.BaseSelector, port: int, message: bytes) -> None:
    started = time.perf_counter()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(message)
    ready.register(connection, selectors.EVENT_READ, _Client(connection, started))
