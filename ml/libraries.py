"""Hold the build's libraries against the serving container's: another version's pickle loads there with a warning."""

from collections.abc import Callable

from ml import runtimes
from ml.errors import RoadError

CONTAINER_DECIDES = "scikit-learn"
"""The library whose version must be the container's on every Python; its pickles are read by that version alone."""


def check(installed: Callable[[str], str], python: str) -> None:
    """Raise RoadError unless what is installed makes models that the serving container loads as they were made.

    On a Python older than the container's (`python`, as "3.11.7") scikit-learn alone is compared: that numpy and scipy
    cannot be installed there. Such a Python rehearses; the builds have the container's.
    """
    older = _minor(python) < _minor(runtimes.PYTHON_VERSION)
    compared = [CONTAINER_DECIDES] if older else [*runtimes.CONTAINER_LIBRARIES]
    found = {name: installed(name) for name in compared}
    wrong = [name for name in compared if found[name] != runtimes.CONTAINER_LIBRARIES[name]]
    if wrong:
        raise RoadError(
            f"installed: {', '.join(f'{name} {found[name]}' for name in wrong)}, but the serving container has"
            f" {', '.join(f'{name} {runtimes.CONTAINER_LIBRARIES[name]}' for name in wrong)}; nothing was registered."
            " Install buildspecs/requirements-train.txt"
        )


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
