"""HTML that is safe by construction: whatever was not made here is text, and is escaped."""

from html import escape


class Markup(str):
    """HTML made by this module, which is written as it is. Any other string is text."""

    __slots__ = ()


_VOID = frozenset({"meta", "br"})


def element(tag: str, /, *content: object, **attributes: object) -> Markup:
    """Return `<tag attributes>content</tag>`. A trailing underscore of an attribute is dropped, others are hyphens.

    An attribute that is None or False is left out, and True is written without a value.
    """
    opened = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{opened}>")
    return Markup(f"<{tag}{opened}>{join(*content)}</{tag}>")


def join(*content: object) -> Markup:
    """Return all of `content` one after the other; None is nothing, a list or tuple is its elements."""
    return Markup("".join(map(_written, content)))


def _written(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, list | tuple):
        return join(*content)
    return content if isinstance(content, Markup) else escape(str(content))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
