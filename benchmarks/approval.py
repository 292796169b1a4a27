"""Approval function: cold import and first decision, against a plain handler and against an interpreter alone.

Every start is a process of its own that has the function's files and nothing else. The account that it asks answers at
once, over plain HTTP on this machine: what is timed is the function and its libraries. A real one adds TLS and the way.
"""

import hashlib
import json
import os
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import figures, imports, process
from benchmarks.bars import ratio
from benchmarks.figures import Figure, Measured
from benchmarks.process import ROOT
from components import approval
from ml import contract

ROUNDS = 11
FUNCTIONS = ROOT / "benchmarks/functions"
EVENT = ROOT / "tests/fixtures/events/model-package-pending.json"
EVALUATION = json.dumps({"binary_classification_metrics": {"accuracy": {"value": 0.91}}}).encode()
STATISTICS = {
    "S3Uri": "s3://models/evaluations/1/evaluation.json",
    "ContentDigest": f"sha256:{hashlib.sha256(EVALUATION).hexdigest()}",
}
ENVIRONMENT = {
    "PYTHONPATH": "",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_CONFIG_FILE": os.devnull,
    contract.MODEL_PACKAGE_GROUP: "ChurnPredictionModels",
    contract.THRESHOLDS: '{"accuracy": 0.85}',
    contract.APPROVAL_MODE: contract.AUTOMATED,
    contract.GATE: '{"basis": "point", "confidence": 0.95, "championMargin": null}',
}
MOST = 1 / 3
SECONDS, MEGABYTES = "import and first decision", "peak of the process"
PROCESSOR = "processor of the whole process"
UNITS = {SECONDS: "s", MEGABYTES: "MB", PROCESSOR: "s", "import": "s", "first decision": "s"}


def measure(rounds: int, *, large: bool) -> Measured:
    """Return seconds and memory of each side, and what ours imports. `large` changes nothing here."""
    with tempfile.TemporaryDirectory(prefix="approval-") as folder:
        files = archive(Path(folder))
        code = Path(folder) / "code"
        with zipfile.ZipFile(files) as packed:
            packed.extractall(code)
        starts = {"plain": (FUNCTIONS, "plain"), "ours": (code, approval.HANDLER.rpartition(".")[0])}
        sides = {side: partial(cold, *where) for side, where in {**starts, "bare": (FUNCTIONS, "bare")}.items()}
        for side in sides.values():
            side()  # the first start of all compiles
        found = figures.take_turns(sides, rounds)
        notes = {
            "archive": {"files": list(approval.CODE_FILES), "bytes": files.stat().st_size},
            "imports": imports.of(f"import {starts['ours'][1]}", env={"PYTHONPATH": str(code)}),
        }
    by_side = {what: {side: [each[what] for each in took] for side, took in found.items()} for what in UNITS}
    return Measured(
        figures=[
            Figure(what=what, side=side, unit=UNITS[what], rounds=values)
            for what, sides_of in by_side.items()
            for side, values in sides_of.items()
        ],
        bars=[
            ratio(f"{what}, ours / plain", by_side[what]["ours"], by_side[what]["plain"], MOST)
            for what in (SECONDS, PROCESSOR, MEGABYTES)
        ],
        notes=notes,
    )


def draw(measured: Measured, path: Path) -> None:
    """Draw both."""
    with figures.drawing(path, areas=2) as areas:
        for area, what in zip(areas, (SECONDS, MEGABYTES), strict=True):
            figures.draw_sides(area, [figure for figure in measured.figures if figure.what == what], what)


def archive(folder: Path) -> Path:
    """Write the function's archive, as the program makes it, and return its path."""
    path = folder / "code.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in approval.CODE_FILES:
            packed.write(ROOT / name, name)
    return path


def cold(folder: Path, module: str) -> dict[str, float]:
    """Start the handler of `module` in `folder` from nothing; return seconds and megabytes of its first decision."""
    command = [sys.executable, str(FUNCTIONS / "cold.py"), module, str(EVENT)]
    with account() as url:
        ended = process.run(command, cwd=folder, env={**ENVIRONMENT, "AWS_ENDPOINT_URL": url})
    if ended.said["decision"] != "Approved":
        raise RuntimeError(f"{module} decided {ended.said}")
    return {
        SECONDS: ended.said["import"] + ended.said["first"],
        MEGABYTES: ended.said["megabytes"],
        PROCESSOR: ended.said["processor"],
        "import": ended.said["import"],
        "first decision": ended.said["first"],
    }


class _Account(BaseHTTPRequestHandler):
    """A registry with one version and a bucket with its evaluation."""

    protocol_version = "HTTP/1.1"
    decisions: list[str]

    def do_GET(self) -> None:  # the base class's name
        """Answer GetObject."""
        self._answer(EVALUATION, "application/json")

    def do_POST(self) -> None:  # the base class's name
        """Answer DescribeModelPackage and UpdateModelPackage."""
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        arn = asked.get("ModelPackageName") or asked["ModelPackageArn"]
        if "ModelApprovalStatus" in asked:
            self.decisions.append(asked["ModelApprovalStatus"])
        description = {
            "ModelPackageArn": arn,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": [contract.PENDING, *self.decisions][-1],
            "ModelMetrics": {"ModelQuality": {"Statistics": STATISTICS}},
        }
        self._answer(json.dumps(description).encode(), "application/x-amz-json-1.1")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def account() -> Iterator[str]:
    """Yield the address of a new account that answers at once."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Account", (_Account,), {"decisions": []}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
