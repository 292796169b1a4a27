"""Measure a new model against the champion, the model that serves now, on the same held-out rows.

The new model has not seen these rows. The champion has not either where both come from the same table, because the same
rows are held out of it. Where the table has changed, the champion may have been trained on some of them and then looks
better than it is: the comparison is on the safe side, and says so (`same_table`).
"""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml import catalogue, contract, inference, safe_pickle
from ml.evaluation import classification, clustering, regression
from ml.evaluation.intervals import UNKNOWN, Interval
from ml.gate import one_line
from ml.table import Table

if TYPE_CHECKING:
    from ml.evaluation import Examination

LONGEST_REASON = 300
DECIDES = "scikit-learn"


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The version that serves now and its archive; `reason` says why there is no archive, else it is empty."""

    model_package_arn: str
    version: int
    archive_sha256: str
    archive: bytes
    reason: str
    archive_uri: str = ""


class UnscorableError(Exception):
    """The champion cannot answer the rows that the new model is measured on; the text begins with "it" or "its"."""


@dataclass(frozen=True, kw_only=True)
class _Opened:
    model: inference.Model
    metadata: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Scores:
    metrics: Mapping[str, float]
    differences: Mapping[str, Interval]


def compare(
    champion: Champion, table: Table, examined: "Examination", own: Mapping[str, float], *, confidence: float
) -> dict[str, Any]:
    """Return the document's entry about the champion: its metrics, and by how much the new model's `own` differ.

    The intervals are those of the differences, on the same resamples of the same rows; NaN where none is estimated.
    A champion that cannot be scored is no error: `scored` is then False and `reason` says why.
    """
    entry: dict[str, Any] = {
        "model_package_arn": champion.model_package_arn,
        "version": champion.version,
        "archive_sha256": champion.archive_sha256,
        "scored": False,
        "reason": one_line(champion.reason, LONGEST_REASON),
        "same_table": False,
        "metrics": {},
        "confidence": confidence,
        "differences": {},
    }
    if champion.reason:
        return entry
    try:
        opened = _open(champion.archive)
        scores = _score(opened, table, examined, confidence)
    except UnscorableError as error:
        return entry | {"reason": one_line(str(error), LONGEST_REASON)}
    differences = {}
    for name, value in scores.metrics.items():
        ends = scores.differences.get(name, UNKNOWN)
        differences[name] = {"value": own[name] - value, "lower": ends.lower, "upper": ends.upper}
    same_table = opened.metadata.get("data_sha256") == table.sha256
    found = {"scored": True, "same_table": same_table, "metrics": scores.metrics, "differences": differences}
    return entry | found


def _open(archive: bytes) -> _Opened:
    """Load the model in an archive as the container does: the pickle names what is on the list, and nothing else."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as content:
            members = {
                name: file.read()
                for name in (contract.METADATA_FILE, contract.MODEL_FILE)
                if (file := content.extractfile(name)) is not None
            }
        metadata = json.loads(members[contract.METADATA_FILE])
        _check_versions(metadata)
        estimator = safe_pickle.loads(members[contract.MODEL_FILE])
        return _Opened(model=inference.described(estimator, metadata), metadata=metadata)
    except UnscorableError:
        raise
    except Exception as error:
        raise UnscorableError(f"its archive cannot be opened: {type(error).__name__}: {error}") from error


def _check_versions(metadata: Mapping[str, Any]) -> None:
    """Raise UnscorableError for another scikit-learn's pickle: it loads with a warning and may answer otherwise."""
    made_with, installed = metadata["libraries"][DECIDES], version(DECIDES)
    if made_with != installed:
        raise UnscorableError(f"it was made with {DECIDES} {made_with}, and {installed} is installed")


def _score(opened: _Opened, table: Table, examined: "Examination", confidence: float) -> _Scores:
    """Return the champion's metrics on the held-out rows, and the paired intervals of the differences to it."""
    _check_question(opened, table, examined)
    model, places = opened.model, _places(opened.model, table)
    try:
        rows, fit_rows = (_taken(model, rows, places) for rows in (examined.rows, examined.fit_rows))
        if examined.task == catalogue.CLUSTERING:
            apart = clustering.silhouettes(model.estimator, rows)
            metrics = clustering.metrics(model.estimator, fit_rows, rows, apart)
            differences = clustering.differences([examined.silhouettes, apart], confidence)
            return _Scores(metrics=metrics, differences=differences)
        answer = "predict_proba" if examined.task == catalogue.CLASSIFICATION else "predict"
        own = getattr(examined.model, answer)(examined.rows)
        theirs = getattr(model.estimator, answer)(rows)
    except Exception as error:
        raise UnscorableError(f"it cannot answer these rows: {type(error).__name__}: {error}") from error
    if not np.isfinite(theirs).all():
        raise UnscorableError("it answers some of these rows with something else than a finite number")
    if examined.task == catalogue.REGRESSION:
        differences = regression.differences(examined.target, [own, theirs], confidence)
        return _Scores(metrics=regression.metrics(examined.target, theirs), differences=differences)
    classes = examined.model.classes_
    differences = classification.differences(classes, examined.target, [own, theirs], confidence)
    return _Scores(metrics=classification.metrics(classes, examined.target, theirs), differences=differences)


def _check_question(opened: _Opened, table: Table, examined: "Examination") -> None:
    """Raise UnscorableError unless the champion answers the question that the new model answers."""
    model, target = opened.model, opened.metadata.get("target")
    if (model.task, target) != (table.task, table.target_column):
        raise UnscorableError(f"it answers another question: {model.task} of {target!r}")
    if table.task == catalogue.CLASSIFICATION and list(model.classes) != examined.model.classes_.tolist():
        raise UnscorableError(f"it knows the classes {list(model.classes)}, not {examined.model.classes_.tolist()}")


def _places(model: inference.Model, table: Table) -> list[int]:
    """Return where in `table` the champion's columns are. It may know fewer of them, or know them in another order."""
    known = {(column.name, column.kind == "numeric"): index for index, column in enumerate(table.columns)}
    wanted = [(column.name, column.numeric) for column in model.columns]
    if absent := [column for column in wanted if column not in known]:
        names = ", ".join(repr(name) for name, _ in absent)
        raise UnscorableError(f"it needs columns that the table lacks, or has as another kind: {names}")
    return [known[column] for column in wanted]


def _taken(model: inference.Model, rows: NDArray[Any], places: list[int]) -> NDArray[Any]:
    taken: NDArray[Any] = rows[:, places]
    return taken.astype(np.float64) if model.all_numeric else taken
