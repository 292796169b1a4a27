"""A serving container that is up at once: it answers with the text in its archive and its process id.

For tests of endpoints, not of containers: it imports nothing that takes time, and runs no code of the archive.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def main() -> None:
    """Keep the same contract as the real one: one line in, a port out, the end with the parent."""
    line = sys.stdin.readline()
    if not line:
        return
    launch = json.loads(line)
    answer = (Path(launch["model_folder"]) / "answer").read_text()

    class Handler(BaseHTTPRequestHandler):
        """Healthy from the first request on."""

        def do_GET(self) -> None:
            self._send(b"")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(f"{answer} {os.getpid()}".encode())

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready = Path(launch["ready_file"])
    partial = ready.with_suffix(".partial")
    partial.write_text(str(server.server_port))
    partial.replace(ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
