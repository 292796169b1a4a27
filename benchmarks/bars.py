"""What figures have to hold: each bar beside its figure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: what was found, the most that it may be, and how far the rounds lie apart."""

    what: str
    found: float
    most: float
    spread: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure is within the bar; no number is not."""
        return self.found <= self.most

    def line(self) -> str:
        """Return the bar as one line of the report."""
        verdict = "holds" if self.holds else "does not hold"
        return f"{verdict:14}{self.what:64}{self.found:10.4g}  at most {self.most:.4g}  {self.spread}".rstrip()


def ratio(what: str, ours: Sequence[float], other: Sequence[float], most: float) -> Bar:
    """Return the bar of ours divided by the other.

    It is the median of the ratios of the rounds, because what disturbs a round disturbs both sides.
    """
    ratios = sorted(a / b for a, b in zip(ours, other, strict=True))
    return Bar(what=what, found=statistics.median(ratios), most=most, spread=f"[{ratios[0]:.3g} .. {ratios[-1]:.3g}]")
