"""Which of the past versions would these thresholds have passed? The gate's own judgement, on the stored evidence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml import contract, gate
from ml.gate import EvidenceError
from ml.operate import evidence
from ml.operate.aws import Aws
from ml.operate.judged import Judged
from ml.operate.plot import draw
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.versions import Version, all_versions


@dataclass(frozen=True, kw_only=True)
class Question:
    """The thresholds and the rule to judge by."""

    thresholds: Mapping[str, float]
    rule: gate.Rule

    @classmethod
    def of(cls, stack: Stack, thresholds: Mapping[str, float], changes: Mapping[str, Any]) -> "Question":
        """Return the stack's own question with other thresholds, if there are any, and changes of its rule.

        Raises InputError for a rule that the gate cannot judge by.
        """
        return cls(
            thresholds=thresholds or stack.thresholds, rule=gate.Rule.read(json.dumps({**stack.gate, **changes}))
        )


def replay(aws: Aws, stack: Stack, question: Question, *, plot: Path | None = None) -> Answer:
    """Judge every version's registered evaluation again; one whose evidence is absent or altered is rejected.

    `plot` names a file, SVG or PNG, for a picture of it. The champion is the one that each version met at its time.
    """
    versions = all_versions(aws.client("sagemaker"), stack.model_package_group)
    judged = [_judged(aws, version, question) for version in reversed(versions)]
    rows = [each.row for each in judged]
    changed = [row["version"] for row in rows if row["would_be"] != row["status"] and row["status"] != contract.PENDING]
    limits = ", ".join(f"{name} {limit:g}" for name, limit in question.thresholds.items())
    notes = [f"These thresholds ({limits}) change {len(changed)} of {len(rows)} decisions: {changed or 'none'}"]
    if plot is not None:
        draw(judged, plot, title=f"{stack.model_package_group}: {limits}")
        notes.append(f"The plot is in {plot}")
    names = list(question.thresholds)
    return Answer(
        title=f"replay of {stack.model_package_group}",
        columns=("version", "status", "would_be", *names, *(f"{name}_plot" for name in names), "reason"),
        rows=rows,
        notes=notes,
        extra={"changed": changed, "thresholds": dict(question.thresholds)},
    )


def _judged(aws: Aws, version: Version, question: Question) -> Judged:
    try:
        document = evidence.evaluation(aws, version)
        verdict = gate.judge_document(document, question.thresholds, question.rule)
    except EvidenceError as error:
        return Judged(version=version.number, status=version.status, would_be=contract.REJECTED, reason=str(error))
    # A metric may have a second line, which holds it against the champion: the first one has the value.
    lines = {line.metric: line for line in reversed(verdict.lines)}
    return Judged(
        version=version.number,
        status=version.status,
        would_be=verdict.decision,
        reason=verdict.summary,
        lines={name: lines[name] for name in question.thresholds if name in lines},
    )
