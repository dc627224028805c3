"""Numbers and lists of things, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 10
"""How many are named; the others are counted."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return *number* with its noun: *one* thing, or *many*, which is *one* with an `s` unless it is told."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def listed(names: Iterable[str]) -> str:
    """Return *names* as one text, at most `SHOWN` of them and the number of the others."""
    known = list(names)
    more = len(known) - SHOWN
    return ", ".join(known[:SHOWN]) + (f" and {more} more" if more > 0 else "")
