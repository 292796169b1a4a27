"""What is said while somebody waits for an endpoint: each new status at once, and a sign of life once a minute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Say = Callable[[str], None]

EVERY_SECONDS = 60


@dataclass(kw_only=True)
class Wait:
    """One wait for one endpoint, for so many seconds at most."""

    name: str
    seconds: float
    say: Say
    status: str = ""
    """The one that was said last."""
    _said_after: float = 0

    def see(self, found: Mapping[str, Any], waited: float) -> None:
        """Say what DescribeEndpoint has just answered after `waited` seconds, if that is new or a minute has gone."""
        status = found["EndpointStatus"]
        if status != self.status:
            self.say(f"endpoint: {self.name} is {status} after {waited:.0f} s")
        elif waited - self._said_after >= EVERY_SECONDS:
            self.say(
                f"endpoint: {self.name} is still {status} after {waited:.0f} of at most {self.seconds:.0f} s"
                f"{_traffic(found)}"
            )
        else:
            return
        self.status, self._said_after = status, waited


def _traffic(found: Mapping[str, Any]) -> str:
    """Return how far the new variant has come, where the answer tells (SageMaker API, PendingDeploymentSummary)."""
    variants = found.get("PendingDeploymentSummary", {}).get("ProductionVariants") or [{}]
    now, wanted = (variants[0].get(key) for key in ("CurrentWeight", "DesiredWeight"))
    weight = "" if now is None or wanted is None else f", traffic weight of the new variant {now:g} of {wanted:g}"
    steps = ", ".join(each["Status"] for each in variants[0].get("VariantStatus", []))
    return f"{weight}, {steps}" if steps else weight
