"""Faults that wait in the account for a call of the road, and strike there."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ml.errors import RoadError
from rehearsal.account.calls import AwsError, Caller, Reply
from rehearsal.account.cloud import Cloud
from rehearsal.account.gateway import Proceed

When: TypeAlias = Callable[[Mapping[str, Any], Caller], bool]
"""Parameters and caller of a call: is it the one that the fault waits for?"""


class _Once:
    """A correction that does one deed at the first call that it waits for, before it is answered or right after."""

    def __init__(self, when: When, do: Callable[[], object], *, after: bool) -> None:
        self._when = when
        self._do = do
        self._after = after
        self._lock = threading.Lock()
        self.struck = False
        self.failure: Exception | None = None

    def answer(self, params: dict[str, Any], caller: Caller, proceed: Proceed) -> Reply:
        """Answer one call."""
        with self._lock:
            due = not self.struck and self._when(params, caller)
            self.struck = self.struck or due
        reply = proceed(params) if self._after or not due else None
        if due:
            try:
                self._do()
            except Exception as error:  # noqa: BLE001 - raised where the drill ends, not into the road's own call
                self.failure = error
        return reply or proceed(params)


@contextlib.contextmanager
def at_call(cloud: Cloud, call: str, when: When, do: Callable[[], object], *, after: bool = False) -> Iterator[None]:
    """Do something at the first "service:Operation" that `when` waits for, while the block runs.

    Raises RoadError when no such call came, or the deed itself failed: the fault has not happened.
    """
    service, _, operation = call.partition(":")
    fault = _Once(when, do, after=after)
    with cloud.faulted(service, operation, fault.answer):
        yield
    if fault.failure is not None:
        raise RoadError(f"the fault at {call} could not be brought about: {fault.failure}") from fault.failure
    if not fault.struck:
        raise RoadError(f"the fault at {call} never came about: nobody made that call")


class Refusals:
    """Refuses the first so many calls of a role with one error, as a busy service does."""

    def __init__(self, role: str, error: AwsError, count: int) -> None:
        self._role = role
        self._error = error
        self._left = count
        self._lock = threading.Lock()

    def answer(self, params: dict[str, Any], caller: Caller, proceed: Proceed) -> Reply:
        """Refuse or pass on one call."""
        with self._lock:
            refuses = caller == self._role and self._left > 0
            self._left -= refuses
        if refuses:
            raise self._error
        return proceed(params)

    @property
    def spent(self) -> bool:
        """Whether every refusal was given."""
        return self._left == 0
