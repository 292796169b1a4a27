"""How fast time goes in the emulated account.

What people and programs here do takes its real time. What AWS would only wait for, such as the minutes for which it
watches an update's alarms, passes faster by one factor, so that a rehearsal of minutes takes seconds.
"""

from dataclasses import dataclass

FASTER = 600.0
"""Seconds of the account in one real second: a bake of 300 s takes half a second."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The account's clock."""

    faster: float = FASTER

    def real_seconds(self, seconds: float) -> float:
        """Return for how long to wait here when AWS would wait for `seconds`."""
        return seconds / self.faster
