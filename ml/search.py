"""Try hyper-parameters of a use case by cross-validation on the rows to fit on; the held-out rows are never seen.

The same plan, table and code try the same things in the same order and find the same scores, on one machine or many.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, ParameterSampler, StratifiedKFold

from ml import catalogue, contract, storage, usecases
from ml.errors import InputError, RoadError
from ml.evaluation import classification, clustering, regression
from ml.table import Table
from ml.training import Indices
from ml.usecases import UseCase

SEED = 17
MODEL_STEP = "model__"
"""What scikit-learn puts before the name of a parameter of a pipeline's last step."""

Parameters: TypeAlias = Mapping[str, Any]
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is tried. No trials: the use case's own hyper-parameters are taken as they are.

    A training job is told its `share` of the trials, (index, shares), or where the `result` of all of them lies.
    """

    trials: int
    folds: int
    jobs: int
    share: tuple[int, int] | None = None
    result: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Plan":
        """Return the plan that the environment holds; without one nothing is tried."""
        content = json.loads(environment.get(contract.TRAINING_SEARCH, "") or "{}")
        index, _, shares = environment.get(contract.TRAINING_SHARE, "").partition("/")
        return cls(
            trials=content.get("trials", 0),
            folds=content.get("folds", 3),
            jobs=content.get("parallelJobs", 1),
            share=(int(index), int(shares)) if shares else None,
            result=environment.get(contract.TRAINING_SEARCH_RESULT, ""),
        )


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One try: its place in the order of all, what differs from the use case's own, and the mean over the folds."""

    index: int
    params: Parameters
    score: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was tried, in order. `metric` is the catalogue's."""

    metric: str
    folds: int
    trials: Sequence[Trial]

    @property
    def best(self) -> Trial:
        """The first of those with the best score; one without a score is the worst."""
        sign = 1 if catalogue.METRICS[self.metric].higher_is_better else -1
        return max(self.trials, key=lambda trial: -math.inf if math.isnan(trial.score) else sign * trial.score)

    def document(self) -> dict[str, Any]:
        """Return it for the evaluation document, whose numbers are finite."""
        return {
            "metric": self.metric,
            "folds": self.folds,
            "trials": [_entry(trial) for trial in self.trials],
            "best": {"trial": self.best.index, **_entry(self.best)},
        }

    def merged(self, others: Sequence["Found"]) -> "Found":
        """Return it with the trials of `others`, in the order of all."""
        trials = [trial for one in (self, *others) for trial in one.trials]
        return Found(metric=self.metric, folds=self.folds, trials=sorted(trials, key=lambda trial: trial.index))


def write(found: Found) -> bytes:
    """Return `found` as JSON, for another process."""
    trials = [{"index": trial.index, **_entry(trial)} for trial in found.trials]
    return json.dumps({"metric": found.metric, "folds": found.folds, "trials": trials}, sort_keys=True).encode()


def read(content: bytes) -> Found:
    """Return what `write` wrote."""
    document = json.loads(content)
    trials = [
        Trial(index=each["index"], params=each["params"], score=float(each["score"])) for each in document["trials"]
    ]
    return Found(metric=document["metric"], folds=document["folds"], trials=trials)


def candidates(space: Mapping[str, Any], trials: int) -> list[dict[str, Any]]:
    """Return what to try, at most `trials`: the use case's own parameters first, then draws from `space`.

    `space` maps a parameter of the estimator to a list of values or a scipy distribution; lists alone are drawn from
    without repetition.
    """
    lists = all(isinstance(values, list) for values in space.values())
    most = math.prod(len(values) for values in space.values()) if lists else trials
    drawn = ParameterSampler(dict(space), n_iter=min(trials - 1, most), random_state=SEED) if trials > 1 else ()
    # JSON holds what was tried, so a distribution's numpy numbers become Python's.
    return [{}, *({name: getattr(value, "item", lambda v=value: v)() for name, value in one.items()} for one in drawn)]


def settle(name: str, table: Table, plan: Plan, read_object: storage.Read, say: Say) -> Found | None:
    """Return what the whole search has found, made here or by other training jobs; None where nothing is tried."""
    if not plan.trials:
        return None
    found = read(read_object(plan.result)) if plan.result else search(name, table, plan, say)
    say(f"search: trial {found.best.index} is the best of {len(found.trials)}")
    return found


def search(name: str, table: Table, plan: Plan, say: Say) -> Found:
    """Try the plan's share of the trials on the rows of `table` that the use case called `name` fits on.

    Raises InputError when the use case declares no space, RoadError when a trial cannot be fitted.
    """
    use_case = usecases.load(name)
    space = getattr(use_case, "SEARCH_SPACE", None)
    if not space:
        raise InputError(
            f"use case {name!r} declares no SEARCH_SPACE. Declare it in ml/usecases/{name}.py,"
            " or set training.search.trials to 0"
        )
    fit, _ = usecases.split_of(use_case)(table)
    metric = next(iter(catalogue.USE_CASES[name].thresholds))
    index, shares = plan.share or (0, 1)
    folds = list(_folds(use_case, table, fit, plan.folds))
    trials = []
    for number, params in list(enumerate(candidates(space, plan.trials)))[index::shares]:
        try:
            score = float(np.mean([_score(use_case, params, table, metric, fold) for fold in folds]))
        except ValueError as error:
            raise RoadError(
                f"search: {dict(params)} cannot be tried: {error}. Correct SEARCH_SPACE in ml/usecases/{name}.py"
            ) from error
        say(f"search: trial {number}: {metric} {score:.4f} with {_shown(params)}")
        trials.append(Trial(index=number, params=params, score=score))
    return Found(metric=metric, folds=plan.folds, trials=trials)


def model_with(use_case: UseCase, params: Parameters) -> Callable[[Table], Any]:
    """Return the use case's `build`, with `params` in place of its own hyper-parameters."""
    return lambda table: use_case.build(table).set_params(**{MODEL_STEP + key: params[key] for key in params})


def _folds(use_case: UseCase, table: Table, fit: Indices, count: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs of rows of `table`, to fit on and to measure on: rows that belong together stay together."""
    grouping = getattr(use_case, "groups", None)
    groups = grouping(table) if grouping else None
    splitter: Any = KFold(count, shuffle=True, random_state=SEED)
    if groups is not None:
        splitter = GroupKFold(count, shuffle=True, random_state=SEED)
    elif table.task == catalogue.CLASSIFICATION:
        splitter = StratifiedKFold(count, shuffle=True, random_state=SEED)
    parts = splitter.split(fit, table.target[fit], None if groups is None else groups[fit])
    yield from ((fit[learnt], fit[measured]) for learnt, measured in parts)


def _score(use_case: UseCase, params: Parameters, table: Table, metric: str, fold: tuple[Indices, Indices]) -> float:
    learnt, measured = fold
    rows, target = table.rows[measured], table.target[measured]
    target_learnt = None if table.task == catalogue.CLUSTERING else table.target[learnt]
    model = model_with(use_case, params)(table).fit(table.rows[learnt], target_learnt)
    if table.task == catalogue.CLASSIFICATION:
        return classification.metrics(model.classes_, target, model.predict_proba(rows))[metric]
    if table.task == catalogue.REGRESSION:
        return regression.metrics(target, model.predict(rows))[metric]
    rows = clustering.sampled(rows)
    if metric == "silhouette":
        return float(np.mean(clustering.silhouettes(model, rows)))
    return clustering.stability(model, table.rows[learnt], rows)


def _entry(trial: Trial) -> dict[str, Any]:
    return {"params": dict(trial.params), "score": trial.score if math.isfinite(trial.score) else "NaN"}


def _shown(params: Parameters) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(params.items())) or "the use case's own"
