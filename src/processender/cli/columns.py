"""Tables that are fitted to a screen: what matters least is left out first, and on a narrow one each row is a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.record import Record
from .screen import Line, Screen, Span, columns

_LEAST = 8
"""How narrow the first column becomes at most, before another one goes."""


class Column(Record):
    """One column of a table."""

    title: str
    """What stands above it."""
    right: bool = True
    """Whether it stands to the right."""
    rank: int = 0
    """Which goes first on a narrow screen: the highest; that of rank 0 never goes."""


Cell = Span | str


def table_lines(heads: Sequence[Column], rows: Sequence[Sequence[Cell]], screen: Screen) -> Iterator[Line]:
    """
    Give a table of *rows*; its first column is the name of each, and takes what room there is.

    Args:

        heads: The columns.

        rows: A cell for each of them, a text or one with its style.

        screen: Where it is shown.
    """
    cells = [[_span(cell) for cell in row] for row in rows]
    widths = [
        max([columns(head.title), *(columns(screen.clean(row[place][0])) for row in cells)])
        for place, head in enumerate(heads)
    ]
    kept = _kept(heads, widths, cells, screen.width)
    room = screen.width - 2 - sum(widths[place] + 2 for place in kept[1:])
    first = min(widths[0], max(room, _LEAST))
    titles: list[Span] = [(head.title, "dim") for head in heads]
    for row in (titles, *cells):
        line: list[Span] = [("  ", ""), (screen.fit(row[0][0], first), row[0][1])]
        for place in kept[1:]:
            text, style = row[place]
            line += [("  ", ""), (screen.fit(text, widths[place], right=heads[place].right), style)]
        yield tuple(line)


def _kept(heads: Sequence[Column], widths: Sequence[int], cells: Sequence[Sequence[Span]], width: int) -> list[int]:
    """Return which columns there are: those that say something, as far as there is room."""
    kept = [place for place, head in enumerate(heads) if not head.rank or any(row[place][0] for row in cells)]
    while 2 + min(widths[0], _LEAST * 2) + sum(widths[place] + 2 for place in kept[1:]) > width:
        place = max(kept[1:], key=lambda each: (heads[each].rank, each), default=0)
        if not place or not heads[place].rank:
            break
        kept.remove(place)
    return kept


def _span(cell: Cell) -> Span:
    return (cell, "") if isinstance(cell, str) else cell
