"""Tables that are fitted to a screen: what matters least is left out first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.record import Record
from ..screen import Line, Screen, Span, columns, lines_of

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


_NARROW = 40
"""Below which width each row is a few lines."""
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
    if screen.width < _NARROW:
        yield ((screen.cut(heads[0].title, screen.width), "dim"),)
        for row in cells:
            yield from _stacked(heads, row, screen)
        return
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


def _stacked(heads: Sequence[Column], row: Sequence[Span], screen: Screen) -> Iterator[Line]:
    """Give one row as its name and, below it, what else it says that has a title."""
    yield ((screen.cut(row[0][0], screen.width), row[0][1] or "bold"),)
    said = [f"{head.title} {text}" for head, (text, _) in zip(heads[1:], row[1:], strict=True) if head.title and text]
    yield from lines_of(screen.wrapped(", ".join(said), "  ", "  "))


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
