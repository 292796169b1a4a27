"""A client that keeps asking the endpoint, to see whether anybody would have noticed a deployment."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_PAUSE_SECONDS = 0.05


class SteadyCaller:
    """Calls `ask` over and over in a thread of its own, from entering the context to leaving it."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="steady caller", daemon=True)
        self.calls = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._enough.is_set():
            self.calls += 1
            try:
                self._ask()
            except Exception as error:  # noqa: BLE001 - whatever a client may meet is what is being counted
                self.failures.append(f"{type(error).__name__}: {error}")
            self._enough.wait(_PAUSE_SECONDS)
