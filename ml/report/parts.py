"""Parts that every section of the page is made of."""

from collections.abc import Iterable, Sequence

from ml.report.markup import Markup, element


def section(identity: str, title: str, *content: object) -> Markup:
    """Return a section with its heading, which the list of contents links to."""
    heading = element("h2", title, id=f"{identity}-title")
    return element("section", heading, *content, id=identity, aria_labelledby=f"{identity}-title")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, class_: str | None = None) -> Markup:
    """Return a table. The first cell of each row is what the row is about."""
    body = [
        element("tr", element("th", first, scope="row"), [element("td", cell) for cell in others])
        for first, *others in rows
    ]
    headings = element("tr", [element("th", cell, scope="col") for cell in head])
    return element("table", element("thead", headings), element("tbody", body), class_=class_)


def wide(name: str, content: Markup) -> Markup:
    """Return `content` so that it scrolls by itself, by keyboard as well, where the page is narrower than it."""
    return element("div", content, class_="scroll", role="region", aria_label=name, tabindex="0")


def details(summary: str, *content: object) -> Markup:
    """Return content that is closed until somebody asks for it."""
    return element("details", element("summary", summary), *content)


def figure(title: str, said: str, drawn: Markup, numbers: Markup) -> Markup:
    """Return a plot with its title, the sentence that it shows, and its numbers."""
    caption = element("figcaption", element("h3", title), element("p", said))
    return element("figure", caption, drawn, details(f"{title}: numbers", numbers))


def quiet(*content: object) -> Markup:
    """Return text that is read second."""
    return element("span", *content, class_="quiet")


def hidden(text: str) -> Markup:
    """Return text that is read aloud and not seen."""
    return element("span", text, class_="hidden")
