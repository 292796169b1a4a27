"""Build stage: what the train build installs, as its buildspec says, against the brief's line.

Each round installs into an environment of its own with empty caches. The deploy build's installation is shown beside
them: it is what a build with nothing to compute installs.
"""

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import yaml

from benchmarks import figures, process
from benchmarks.bars import ratio
from benchmarks.figures import Figure, Measured
from benchmarks.process import ROOT
from ml import runtimes

ROUNDS = 3
BRIEF = ("python -m pip install --quiet boto3 sagemaker scikit-learn",)
MOST_SECONDS, MOST_MEGABYTES = 1 / 10, 1 / 2
SECONDS, MEGABYTES = "installation", "site-packages"
UV = Path(sys.executable).with_name("uv")


def measure(rounds: int, *, large: bool) -> Measured:
    """Return seconds and megabytes of each side. `large` changes nothing here."""
    sides = {"brief": BRIEF, "train build": commands("train"), "deploy build": commands("deploy")}
    found = figures.take_turns({side: partial(installed, lines) for side, lines in sides.items()}, rounds)
    seconds = {side: [took for took, _ in values] for side, values in found.items()}
    megabytes = {side: [size for _, size in values] for side, values in found.items()}
    return Measured(
        figures=[
            *(Figure(what=SECONDS, side=side, unit="s", rounds=values) for side, values in seconds.items()),
            *(Figure(what=MEGABYTES, side=side, unit="MB", rounds=values) for side, values in megabytes.items()),
        ],
        bars=[
            ratio("seconds, train build / brief", seconds["train build"], seconds["brief"], MOST_SECONDS),
            ratio("megabytes, train build / brief", megabytes["train build"], megabytes["brief"], MOST_MEGABYTES),
        ],
        notes={"commands": sides},
    )


def draw(measured: Measured, path: Path) -> None:
    """Draw both."""
    with figures.drawing(path, areas=2) as (left, right):
        for area, what, title in ((left, SECONDS, "installing, empty caches"), (right, MEGABYTES, "on disk")):
            figures.draw_sides(area, [figure for figure in measured.figures if figure.what == what], title)


def commands(stage: str) -> tuple[str, ...]:
    """Return the commands with which a stage's buildspec installs."""
    spec = yaml.safe_load((ROOT / f"buildspecs/buildspec-{stage}.yml").read_text("utf-8"))
    return tuple(spec["phases"]["install"]["commands"])


def installed(lines: Sequence[str]) -> tuple[float, float]:
    """Run the commands in an empty environment; return their seconds and the megabytes that they have added."""
    with tempfile.TemporaryDirectory(prefix="install-") as folder:
        environment = Path(folder) / "environment"
        # With pip, as the build's image has it, and the build's own Python.
        made = [str(UV), "venv", "--quiet", "--seed", "--python", runtimes.PYTHON_VERSION, str(environment)]
        process.run(made)
        packages = next(environment.glob("lib/python*/site-packages"))
        before = size(packages)
        env = {
            "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_CACHE_DIR": str(Path(folder) / "cache"),
        }
        seconds = process.run(["sh", "-ec", "\n".join(lines)], env=env).seconds
        print(f"{seconds:8.1f} s  {shlex.join(lines[-1:])[:100]}", flush=True)
        return seconds, (size(packages) - before) / 1e6


def size(folder: Path) -> int:
    """Return the bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
