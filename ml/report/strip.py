"""One number on a line: its interval, and what it is held against. The numbers stand beside it as text."""

from collections.abc import Iterable
from dataclasses import dataclass

from ml.report.evidence import Interval
from ml.report.markup import Markup, element

MARGIN = 0.08
"""Of the line's length, on either side of what is drawn on it."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The range of values that a line spans."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float | None]) -> "Scale":
        """Return the scale on which all of `values` find room."""
        found = [value for value in values if value is not None] or [0.0]
        low, high = min(found), max(found)
        room = (high - low) * MARGIN or abs(low) * MARGIN or 1.0
        return cls(low=low - room, high=high + room)

    @classmethod
    def around_zero(cls, values: Iterable[float | None]) -> "Scale":
        """Return the scale with 0 in its middle on which all of `values` find room."""
        most = max((abs(value) for value in values if value is not None), default=0.0) * (1 + MARGIN) or 1.0
        return cls(low=-most, high=most)

    def place(self, value: float) -> float:
        """Return where `value` is, in percent of the line's length."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0), 2)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What is drawn: the value, its interval, and the line that it is held against."""

    value: float | None
    interval: Interval | None = None
    against: float | None = None
    good_side: bool | None = None
    """Whether more than `against` is good; None where neither side is."""

    @property
    def values(self) -> list[float | None]:
        """Everything that must find room."""
        span = [self.interval.lower, self.interval.upper] if self.interval else []
        return [self.value, self.against, *span]


def strip(mark: Mark, scale: Scale | None = None, *, tone: str = "") -> Markup | None:
    """Return the drawing, or None where there is no number to draw. `tone` is a class: pass, fail or noise."""
    if mark.value is None:
        return None
    scale = scale or Scale.over(mark.values)
    return element(
        "svg",
        element("line", x1="0", x2="100%", y1="50%", y2="50%", class_="axis"),
        _against(mark, scale),
        _whisker(mark.interval, scale),
        element("circle", cx=f"{scale.place(mark.value)}%", cy="50%", r="4.5", class_="dot"),
        class_=f"strip {tone}".strip(),
        aria_hidden="true",
        focusable="false",
    )


def bar(share: float) -> Markup:
    """Return a bar of `share`, between 0 and 1, of its cell's width."""
    wide = f"{100 * min(max(share, 0.0), 1.0):.2f}%"
    return element(
        "svg",
        element("rect", x="0", y="15%", width=wide, height="70%", class_="bar"),
        class_="strip",
        aria_hidden="true",
        focusable="false",
    )


def _against(mark: Mark, scale: Scale) -> list[Markup]:
    if mark.against is None:
        return []
    at = scale.place(mark.against)
    drawn = []
    if mark.good_side is not None:
        start, wide = (at, 100 - at) if mark.good_side else (0, at)
        drawn.append(element("rect", x=f"{start}%", y="0", width=f"{wide:.2f}%", height="100%", class_="good-side"))
    drawn.append(element("line", x1=f"{at}%", x2=f"{at}%", y1="0", y2="100%", class_="against"))
    return drawn


def _whisker(interval: Interval | None, scale: Scale) -> Markup | None:
    if interval is None:
        return None
    low, high = scale.place(interval.lower), scale.place(interval.upper)
    return element("line", x1=f"{low}%", x2=f"{high}%", y1="50%", y2="50%", class_="whisker")
