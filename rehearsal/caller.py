"""A client that keeps asking the endpoint, to see whether anybody would have noticed a deployment."""

from collections.abc import Callable

from rehearsal.background import Background


class SteadyCaller(Background):
    """Calls `ask` over and over and counts what fails."""

    pause_seconds = 0.1

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__()
        self._ask = ask
        self.calls = 0
        self.failures: list[str] = []

    def turn(self) -> None:
        """Ask once."""
        self.calls += 1
        try:
            self._ask()
        except Exception as error:  # noqa: BLE001 - whatever a client may meet is what is being counted
            self.failures.append(f"{type(error).__name__}: {error}")
