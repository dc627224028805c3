"""
Elements of HTML and SVG, escaped by construction.

A plain `str` is text wherever it stands, and never becomes markup; only what `element` returns is. Text is one line of
at most `LONGEST` characters that can be shown, since a name may be anything, and ten thousand characters long.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..core.labels import printable

LONGEST = 1000
"""How long a text may be, in characters."""
_VOID = frozenset({"meta", "link", "br"})
_SHAPES = frozenset({"rect", "line", "circle", "path", "polyline"})


class Markup(str):
    """A text that is markup already."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
"""What stands in an element: a text, another element, nothing, or several of them."""


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """
    Return the element *name*.

    Args:

        children: What stands in it.

        attributes: By name, in which `_` stands for `-` but at the end, where it is left out: `class_`, `data_tip`. One
            that is None or False is left out, one that is True has no value.
    """
    start = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _VOID:
        return Markup(f"<{start}>")
    inner = "".join(map(_inner, children))
    return Markup(f"<{start}/>" if name in _SHAPES and not inner else f"<{start}>{inner}</{name}>")


def _inner(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(printable(child, LONGEST), quote=False)
    return "".join(map(_inner, child))


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    shown = escape(printable(value, LONGEST)) if isinstance(value, str) else f"{value:g}"
    return f' {name}="{shown}"'
