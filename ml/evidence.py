"""Gather what speaks for and against a trained model: its evaluation document, and the one line about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml import catalogue, data_report, evaluation, leakage, spelling
from ml.evaluation import clustering
from ml.evaluation.champion import Champion
from ml.gate import LONGEST_SUMMARY, is_finite, one_line
from ml.table import Table
from ml.training import Trained

SUMMARY_METRICS = (
    "accuracy",
    "f1",
    "auc",
    "log_loss",
    *catalogue.TASK_METRICS[catalogue.REGRESSION],
    "silhouette",
    "stability",
)
"""In the one line that an approver reads, those that the task has."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evaluation document, its metrics, the approver's line, and what a person should look at."""

    document: bytes
    metrics: Mapping[str, float]
    summary: str
    warnings: Sequence[str]


def gather(
    table: Table,
    trained: Trained,
    *,
    use_case: str,
    confidence: float,
    champion: Champion | None = None,
    search: Mapping[str, Any] | None = None,
) -> Evidence:
    """Measure a trained model, and the `champion`, what serves now, on the rows that were held out.

    `search` is the document of what was tried before. Raises RoadError when a metric has no finite value.
    """
    held_out = trained.held_out
    measured = clustering.sampled(held_out) if table.task == catalogue.CLUSTERING else held_out
    leaks, misspelt = leakage.leaks(table), spelling.warnings(table)
    examination = evaluation.Examination(
        task=table.task,
        model=trained.model,
        fit_rows=table.rows[trained.fit],
        rows=table.rows[measured],
        target=table.target[measured],
        table=table,
    )
    data = data_report.describe(
        table, held_out_rows=len(held_out), measured_rows=len(measured), leaks=leaks, warnings=misspelt
    )
    document = evaluation.evaluate(examination, confidence=confidence, data=data, champion=champion, search=search)
    metrics = evaluation.reportable(document)
    parts = [f"{use_case}: {_told(metrics)} on {_rows(len(measured), len(held_out))} of {table.source}"]
    if champion is not None:
        parts.append(_about_champion(json.loads(document)["champion"]))
    if leaks:
        parts.insert(0, f"CHECK FIRST: {', '.join(repr(leak.column) for leak in leaks)} may hold the answer")
    return Evidence(
        document=document,
        metrics=metrics,
        summary=one_line("; ".join(parts), LONGEST_SUMMARY),
        warnings=[*(leak.sentence for leak in leaks), *misspelt],
    )


def _rows(measured: int, held_out: int) -> str:
    return f"{measured} held-out rows" if measured == held_out else f"{measured} of {held_out} held-out rows"


def _told(metrics: Mapping[str, Any]) -> str:
    """Return the metrics that an approver reads in a line."""
    found = {name: metrics[name] for name in SUMMARY_METRICS if is_finite(metrics.get(name))}
    return ", ".join(f"{name} {value:.4f}" for name, value in found.items())


def _about_champion(entry: Mapping[str, Any]) -> str:
    """Return what the champion reaches on the same rows, or why nobody knows."""
    if not entry["scored"]:
        return f"champion version {entry['version']} was not compared: {entry['reason']}"
    seen = "" if entry["same_table"] else ", some of which it may have been trained on"
    return f"champion version {entry['version']} on these rows{seen}: {_told(entry['metrics'])}"
