"""Import a handler and answer one event, as a new instance of the function does; print the seconds of both as JSON.

Called as `python cold.py MODULE EVENT-FILE` in the function's folder. Nothing is imported before the handler but what
reading the event needs. The processor's seconds are those of the whole process, its start included.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path


class Context:
    """What Lambda tells a handler."""

    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:auto-approve-model"


event = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
sys.path.insert(0, str(Path.cwd()))
began = time.perf_counter()
handler = import_module(sys.argv[1]).handler
imported = time.perf_counter()
decision = handler(event, Context())["decision"]
found = {"import": imported - began, "first": time.perf_counter() - imported, "decision": decision}
found["processor"] = time.process_time()

import peak  # type: ignore[import-not-found]  # noqa: E402  # its own folder's, and not before the figures

print(json.dumps({**found, "megabytes": peak.megabytes()}))
