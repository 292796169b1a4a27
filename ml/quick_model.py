"""Answer as a fitted model does, bit by bit, without what scikit-learn does around the computation.

Travels into the serving container beside `inference.py`. A step of a kind that is not known here stays as it is, so
every model can be passed: at worst it is as fast as before.
"""

import contextlib
from typing import Any, NamedTuple

try:
    from ml import quick_forest, quick_records
except ImportError:  # in the container, where the modules lie side by side
    import quick_forest  # type: ignore[import-not-found,no-redef]
    import quick_records  # type: ignore[import-not-found,no-redef]


class QuickPipeline(NamedTuple):
    """A pipeline of records and a last step, each asked once."""

    records: Any
    last: Any

    def predict(self, rows: Any) -> Any:
        """Return what the pipeline predicts for `rows`."""
        return self.last.predict(self.records.transform(rows))

    def predict_proba(self, rows: Any) -> Any:
        """Return the pipeline's probabilities for `rows`."""
        return self.last.predict_proba(self.records.transform(rows))


def speed_up(model: Any) -> Any:
    """Return what has the `predict` and `predict_proba` of the fitted `model`, with equal answers."""
    kind = type(model)
    if (kind.__module__, kind.__qualname__) != ("sklearn.pipeline", "Pipeline"):
        return quick_forest.QuickForest(model) if quick_forest.is_known(model) else model
    last = speed_up(model[-1])
    return QuickPipeline(_records(model), last) if len(model) > 1 else last


def _records(pipeline: Any) -> Any:
    """Return what transforms records before the last step of `pipeline`."""
    if len(pipeline) == 2:
        with contextlib.suppress(ValueError):
            return quick_records.QuickRecords(pipeline[0])
    return pipeline[:-1]
