"""A matplotlib figure as inline SVG: the same bytes each time, and in the colours of the page's theme."""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ml.report.markup import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
WIDTH, HEIGHT = 4.4, 3.5
"""Inches of 72 points, so that the text of a plot keeps its size on a phone."""

PLACE = (0.13, 0.13, 0.84, 0.78)
"""Left, bottom, width and height of the axes, as shares of the figure: to lay it out by its texts takes a second."""

INK, QUIET, LINE, MODEL, OTHER = "#010101", "#010102", "#010103", "#010104", "#010105"
"""Colours that are drawn with, to be replaced: a style sheet cannot change those that are written into a drawing."""

COLOURS = {INK: "var(--ink)", QUIET: "var(--quiet)", LINE: "var(--line)", MODEL: "var(--model)", OTHER: "var(--other)"}

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    # A name with dollar signs is a name, no formula.
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": QUIET,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_REFERENCE = re.compile(r"(?<=^#)[\w-]+$|(?<=url\(#)[\w-]+(?=\))")
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


class Drawing:
    """One plot, to be drawn on `axes` within the `with` statement, and then read as `svg`."""

    axes: "Axes"
    svg: Markup


@contextmanager
def drawing(name: str, description: str) -> Iterator[Drawing]:
    """Draw one plot. `name` sets its ids apart from those of the page's other plots, `description` is read aloud."""
    # Imported here: a second that only the build which makes a report should take.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(WIDTH, HEIGHT))
        FigureCanvasSVG(figure)
        made = Drawing()
        made.axes = figure.add_axes(PLACE)
        yield made
        written = io.BytesIO()
        figure.savefig(written, format="svg", metadata=_NO_METADATA)
    made.svg = inline(written.getvalue(), name, description)


def inline(document: bytes, name: str, description: str) -> Markup:
    """Return an SVG document as an element of a page, with the page's colours and with ids that no other plot has."""
    root = ElementTree.fromstring(document)
    used = {match for node in root.iter() for value in node.attrib.values() for match in _references(value)}
    for node in root.iter():
        for key, value in list(node.attrib.items()):
            if key != "id":
                node.set(key, _renamed(_coloured(value), name))
            elif value in used:
                node.set(key, f"{name}-{value}")
            else:
                del node.attrib[key]
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    for key, value in (("role", "img"), ("aria-label", description), ("class", "plot")):
        root.set(key, value)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _references(value: str) -> list[str]:
    return _REFERENCE.findall(value)


def _renamed(value: str, name: str) -> str:
    return _REFERENCE.sub(rf"{name}-\g<0>", value)


def _coloured(value: str) -> str:
    for drawn, shown in COLOURS.items():
        value = value.replace(drawn, shown)
    return value
