"""What a model is trained with is what it is served with, as far as this Python can have it."""

from collections.abc import Callable

import pytest

from ml import libraries, runtimes
from ml.errors import RoadError

CONTAINER = dict(runtimes.CONTAINER_LIBRARIES)


def installed(**versions: str) -> Callable[[str], str]:
    return (CONTAINER | {name.replace("_", "-"): version for name, version in versions.items()}).__getitem__


@pytest.mark.parametrize("python", ["3.11.7", "3.12.1", "3.13.0"])
def test_the_containers_own_libraries_pass(python: str) -> None:
    libraries.check(installed(), python)


@pytest.mark.parametrize("python", ["3.11.7", "3.12.1", "3.13.0"])
def test_another_scikit_learn_is_refused_on_every_python(python: str) -> None:
    with pytest.raises(RoadError, match=r"scikit-learn 1.9.1, but the serving container has scikit-learn 1.9.0; noth"):
        libraries.check(installed(scikit_learn="1.9.1"), python)


@pytest.mark.parametrize("name", ["numpy", "scipy", "joblib"])
def test_another_library_is_refused_where_the_containers_can_be_installed(name: str) -> None:
    for python in ("3.12.1", "3.13.0"):
        with pytest.raises(
            RoadError, match=rf"installed: {name} 0.1, but .* {name} {CONTAINER[name]}; nothing was reg"
        ):
            libraries.check(installed(**{name: "0.1"}), python)
    libraries.check(installed(**{name: "0.1"}), "3.11.7")


def test_every_wrong_library_is_named_at_once() -> None:
    with pytest.raises(RoadError, match=r"installed: scikit-learn 1, numpy 2, but the serving container has scikit-le"):
        libraries.check(installed(scikit_learn="1", numpy="2"), "3.12.1")
