"""One serving container as a group of processes: the real stack of the image, without nginx."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving.models import Case
from ml import serving_image

HERE = Path(__file__).parent
SIDES = {"ours": None, "naive": HERE / "sides/naive.py", "floor": HERE / "sides/floor.py"}
HEALTH_SECONDS = 300.0
ROOT = "/opt/ml"


class Container:
    """A running container. `seconds` is the time from its start to its first healthy ping."""

    def __init__(self, case: Case, side: str, folder: Path) -> None:
        self.side, self.port = side, _free_port()
        case.write(folder / "model", SIDES[side])
        (folder / "site").mkdir()  # a folder that comes later is not seen by the interpreter that pip installs for
        self._log = (folder / "log").open("wb")
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "image/serve.py")],
            cwd=folder, env=_environment(side, folder, self.port), stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            self._wait(folder / "log")
        except BaseException:
            self.close()
            raise
        self.seconds = time.perf_counter() - started

    def close(self) -> None:
        """End every process of the container."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def ask(self, content: bytes, kind: str, path: str = "/invocations") -> bytes:
        """Return the answer to one request. Raises RuntimeError for any status but 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            method = "POST" if content else "GET"
            connection.request(method, path, body=content or None, headers={"Content-Type": kind})
            response = connection.getresponse()
            answer = response.read()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{self.side}: {response.status} {answer[:300]!r}")
        return answer

    def processor_seconds(self) -> float:
        """Return the processor time that every process of the container has had. NaN where there is no /proc."""
        found = [_scheduled(entry) for entry in Path("/proc").glob("[0-9]*") if _group(entry) == self._process.pid]
        return sum(found) if found else float("nan")

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + HEALTH_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                self.ask(b"", "", "/ping")
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.side} is not healthy:\n{log.read_text(errors='replace')[-3000:]}")


@contextlib.contextmanager
def running(case: Case, sides: list[str], work: Path) -> Iterator[dict[str, Container]]:
    """Start one container for each side, one after another; end them and remove their files afterwards."""
    shutil.rmtree(work, ignore_errors=True)
    containers: dict[str, Container] = {}
    try:
        for side in sides:
            containers[side] = Container(case, side, work / side)
        yield containers
    finally:
        for container in containers.values():
            container.close()
        shutil.rmtree(work, ignore_errors=True)


def _environment(side: str, folder: Path, port: int) -> dict[str, str]:
    """Return what the container starts with. Only ours has more than its program's name.

    pip may not fetch setuptools for any side: a network would be measured. What pip installs goes to a folder of the
    container's own, because these containers share an interpreter. Bytecode is neither there nor written, as in the
    image.
    """
    ours = serving_image.ENVIRONMENT if side == "ours" else {}
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{folder / 'site'}{os.pathsep}{HERE / 'image'}",
        "PIP_TARGET": str(folder / "site"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": str(folder / "model/code"),
        **{key: value.replace(ROOT, str(folder)) for key, value in ours.items()},
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_USE_NGINX": "false",
        "AWS_REGION": "us-east-1",
    }


def _group(process: Path) -> int | None:
    with contextlib.suppress(OSError):
        return os.getpgid(int(process.name))
    return None


def _scheduled(process: Path) -> float:
    total = 0
    for thread in process.glob("task/*/schedstat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            total += int(thread.read_text().split()[0])
    return total / 1e9


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
