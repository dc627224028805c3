"""What others have named, such as the path of a request, as it may stand in a line of a log and in a report."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice

from ..hints import Any

LENGTH = 200
"""How much of a label is shown, in characters."""
MOST = 100
"""How many labels are shown."""
OTHERS = "(others)"
"""What stands for all names for which there was no room."""


def printable(text: str, most: int = LENGTH) -> str:
    """Return *text* without what would begin another line, or steer a terminal, and at most *most* characters of it."""
    text = text[: most + 1]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def label(thing: object) -> str:
    """Return the text of *thing* as it may be shown, whatever its own `__str__` does."""
    try:
        return printable(str(thing))
    except BaseException as error:  # foreign code; its failure must not become ours
        return f"{type(thing).__name__} (its text raises {type(error).__name__})"


def labels(things: Collection[object]) -> tuple[tuple[str, ...], int]:
    """Return the texts of the first *things*, and how many more there are."""
    shown = tuple(label(each) for each in islice(things, MOST))
    return shown, len(things) - len(shown)


class Several:
    """A list for a report, which ends with a count where it would become too long."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: list[Any] = []
        self._more = 0

    def add(self, *entries: Any, more: int = 0) -> None:
        """Take *entries* in, and that there are *more*."""
        room = MOST - len(self._kept)
        self._kept += entries[:room]
        self._more += more + len(entries[room:])

    def shown(self, make: Callable[[str], Any]) -> list[Any]:
        """Return what is kept, and behind it what *make* makes of the words for the rest, if there is any."""
        return [*self._kept, make(f"and {self._more} more")] if self._more else [*self._kept]


def in_line(shown: tuple[str, ...], more: int, most: int = 10) -> str:
    """Return what `labels` has returned in one line, with at most *most* of them."""
    return ", ".join(shown[:most]) + (f" and {left} more" if (left := more + len(shown[most:])) else "")
