"""Tables, and what is folded away until somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .markup import Child, Markup, element

Cell = str | Markup | None


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], kind: str = "") -> Markup:
    """
    Return a table that scrolls within itself where it is too wide.

    Args:

        caption: What it is; heard, and not seen where a headline says it.

        heads: The names of its columns; those before which there is a `>` hold numbers.

        rows: Their cells; what is no cell yet is put into one.

        kind: The class of the table.
    """
    number = [head.startswith(">") for head in heads]
    head = [
        element("th", name.lstrip(">"), scope="col", class_="number" if right else None)
        for name, right in zip(heads, number, strict=True)
    ]
    body = [element("tr", [_cell(*each) for each in zip(row, number, strict=True)]) for row in rows]
    inner = element(
        "table",
        element("caption", caption, class_="heard"),
        element("thead", element("tr", head)),
        element("tbody", body),
        class_=kind or None,
    )
    return element("div", inner, class_="wide", tabindex="0", role="group", aria_label=caption)


def folded(summary: str, *inside: Child) -> Markup:
    """Return *inside* below a line that opens it."""
    return element("details", element("summary", summary), inside)


def _cell(cell: Cell, number: bool) -> Markup:
    if isinstance(cell, Markup) and cell.startswith(("<th", "<td")):
        return cell
    return element("td", cell, class_="number" if number else None)
