"""Load a model's pickle without letting it choose what to run: it may name what is on an exact list, and nothing else.

Travels into the serving container beside `inference.py`. A list of prefixes would not do: `sklearn` and `numpy` hold
functions that run code or open files, and 6 of 32 known attacks go through them. The list is made by pickling every
estimator that the use cases offer, with the serving container's versions; a test holds it to them.
"""

import io
import pickle
from typing import Any

ALLOWED = frozenset(
    {
        "builtins.slice",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.numeric._frombuffer",
        "numpy.dtype",
        "numpy.float64",
        "numpy.ndarray",
        "numpy.random._mt19937.MT19937",
        "numpy.random._pcg64.PCG64",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "numpy.random.bit_generator.SeedSequence",
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss._loss.__pyx_unpickle_CyHalfMultinomialLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.cluster._kmeans.KMeans",
        "sklearn.cluster._kmeans.MiniBatchKMeans",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.decomposition._pca.PCA",
        "sklearn.dummy.DummyClassifier",
        "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.ExtraTreesRegressor",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._forest.RandomForestRegressor",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._gb.GradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.linear_model._base.LinearRegression",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._ridge.Ridge",
        "sklearn.mixture._gaussian_mixture.GaussianMixture",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._classes.ExtraTreeClassifier",
        "sklearn.tree._classes.ExtraTreeRegressor",
        "sklearn.tree._tree.Tree",
    }
)
"""Module and name of each class or function that a model's pickle may refer to."""


class ForbiddenGlobalError(Exception):
    """A pickle names something that a model has no use for."""


class _AllowingUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        _check(module, name)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        raise ForbiddenGlobalError(f"the model's pickle refers to {pid!r} outside itself")


class _Inert(dict[Any, Any]):
    """Stands for any object. Whatever a pickle does to it has no effect."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass

    def __reduce__(self) -> tuple[type["_Inert"], tuple[()]]:
        return _Inert, ()

    def append(self, _item: Any) -> None:
        """Take an item."""

    def extend(self, _items: Any) -> None:
        """Take items."""


# The one in Python, because the one in C insists on real classes for some operations.
class _NamingUnpickler(pickle._Unpickler):
    """Resolves no name, hence runs nothing and needs no library."""

    def find_class(self, module: str, name: str) -> Any:
        _check(module, name)
        return _Inert

    def persistent_load(self, pid: Any) -> Any:
        raise ForbiddenGlobalError(f"the model's pickle refers to {pid!r} outside itself")


def loads(pickled: bytes) -> Any:
    """Return the object in `pickled`. Raises ForbiddenGlobalError, before anything of it has run, for a name that is
    not on the list; whatever pickle raises for bytes that are no pickle.
    """
    return _AllowingUnpickler(io.BytesIO(pickled)).load()


def check(pickled: bytes) -> None:
    """Raise ForbiddenGlobalError unless `pickled` names only what is on the list. Neither scikit-learn nor numpy is
    needed, and nothing of the pickle runs.
    """
    try:
        _NamingUnpickler(io.BytesIO(pickled)).load()
    except ForbiddenGlobalError:
        raise
    except Exception as error:
        raise ForbiddenGlobalError(f"the model's pickle cannot be read: {type(error).__name__}") from error


def _check(module: str, name: str) -> None:
    if f"{module}.{name}" not in ALLOWED:
        raise ForbiddenGlobalError(f"the model's pickle names {module}.{name}, which no model of this project needs")
