"""A replay as a picture: for each metric its value in every version, the limit, and who would have passed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml import catalogue, contract, gate
from ml.errors import InputError
from ml.operate.judged import Judged

SUFFIXES = (".svg", ".png")
_PANEL_INCHES = (8.0, 2.6)
_COLOURS = {contract.APPROVED: "#1a7f37", contract.REJECTED: "#cf222e"}
_MARKS = {contract.APPROVED: "o", contract.REJECTED: "X"}
"""Colour and shape say the same thing, so that neither is needed alone."""


def draw(judged: Sequence[Judged], file: Path, *, title: str) -> None:
    """Write the picture to `file`. Raises InputError for another kind of file, or where nothing can draw."""
    if file.suffix not in SUFFIXES:
        raise InputError(f"{file} is neither .svg nor .png. Name such a file: --plot replay.svg")
    metrics = list(dict.fromkeys(name for each in judged for name in each.lines))
    if not metrics:
        raise InputError("no version has evidence that could be drawn. See why: python -m ml replay")
    figure = _figure(len(metrics))
    for number, metric in enumerate(metrics, 1):
        _panel(figure.add_subplot(len(metrics), 1, number), metric, judged)
    figure.suptitle(title)
    try:
        # Without a date, so that the same replay gives the same file.
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else {"Software": None})
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}. Name another file") from error


def _figure(panels: int) -> Any:
    try:
        from matplotlib import rcParams
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("a plot needs matplotlib. Install it: python -m pip install matplotlib") from error
    rcParams["svg.hashsalt"] = "replay"
    width, height = _PANEL_INCHES
    return Figure(figsize=(width, height * panels), layout="constrained")


def _panel(axes: Any, metric: str, judged: Sequence[Judged]) -> None:
    """Draw one metric: a mark for each version that has a value, and the limit as a line."""
    for each in judged:
        line = each.lines.get(metric)
        if line is None or not gate.is_finite(line.value):
            continue
        decision = contract.APPROVED if line.passed else contract.REJECTED
        axes.plot(each.version, line.value, _MARKS[decision], color=_COLOURS[decision], gid=f"version-{each.version}")
        if each.would_be != each.status != contract.PENDING:
            axes.annotate(f"was {each.status}", (each.version, line.value), xytext=(4, 4), textcoords="offset points")
    limit = next(each.lines[metric].limit for each in judged if metric in each.lines)
    if gate.is_finite(limit):
        axes.axhline(limit, color="#57606a", linestyle="--")
    known = catalogue.METRICS.get(metric)
    better = "" if known is None else " (more is better)" if known.higher_is_better else " (less is better)"
    axes.set_ylabel(f"{metric}{better}", fontsize="small")
    axes.set_xticks([each.version for each in judged])
    axes.set_xlabel("version", fontsize="small")
