"""Gather what speaks for and against a trained model: its evaluation document, and the one line about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml import contract, data_report, evaluation, leakage
from ml.gate import LONGEST_SUMMARY, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.table import Table
    from ml.training import Trained

SUMMARY_METRICS = (
    "accuracy",
    "f1",
    "auc",
    "log_loss",
    *contract.TASK_METRICS[contract.REGRESSION],
    "silhouette",
    "stability",
)
"""In the one line that an approver reads, those that the task has."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evaluation document, its metrics, the approver's line, and what a person should look at."""

    document: bytes
    metrics: "Mapping[str, float]"
    summary: str
    warnings: Sequence[str]


def gather(table: "Table", trained: "Trained", *, use_case: str, confidence: float) -> Evidence:
    """Measure a trained model on the rows that were held out. Raises RoadError when no metric can be told."""
    held_out = trained.held_out
    leaks = leakage.leaks(table)
    examination = evaluation.Examination(
        task=table.task,
        model=trained.model,
        fit_rows=table.rows[trained.fit],
        rows=table.rows[held_out],
        target=table.target[held_out],
        columns=table.columns,
    )
    data = data_report.describe(table, held_out_rows=len(held_out), leaks=leaks)
    document = evaluation.evaluate(examination, confidence=confidence, data=data)
    metrics = evaluation.reportable(document)
    told = ", ".join(f"{name} {metrics[name]:.4f}" for name in SUMMARY_METRICS if name in metrics)
    parts = [f"{use_case}: {told} on {len(held_out)} held-out rows of {table.source}"]
    if leaks:
        parts.insert(0, f"CHECK FIRST: {', '.join(repr(leak.column) for leak in leaks)} may hold the answer")
    return Evidence(
        document=document,
        metrics=metrics,
        summary=one_line("; ".join(parts), LONGEST_SUMMARY),
        warnings=[leak.sentence for leak in leaks],
    )
