"""Numbers, spans of time, dates and names, as the page says them."""

from __future__ import annotations

import math

from ..archive import shares
from ..archive.answers import ENDS, Counts
from ..archive.days import day_of, instant_of
from ..core.labels import printable

NAME = 48
"""How much of a name is shown, in characters."""
NONE = "\N{EN DASH}"
"""Stands where there is nothing to say."""
_LAST = 253402300799.0
"""The last second of the year 9999."""


def short(name: str, most: int = NAME) -> str:
    """Return *name* with at most *most* characters; one that is empty was not told."""
    return printable(name, most) or "not told"


def percent(value: float | None) -> str:
    """Return a share, 0 to 1, as the terminal shows it, too."""
    return NONE if value is None else shares.percent(value)


def span(seconds: float | None) -> str:
    """Return *seconds* as a span of time with three digits or so."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60} min"


def moment(at: float) -> str:
    """Return the date *at*, seconds since 1970, to the second, in UTC."""
    return instant_of(at) if 0 < at < _LAST else NONE


def day(at: float) -> str:
    """Return the day of *at*, seconds since 1970, in UTC."""
    return day_of(at) if 0 < at < _LAST else NONE


def plain(word: str) -> str:
    """Return *word*, a value of an enumeration, as it is said."""
    return word.replace("_", " ")


def ends(counts: Counts) -> str:
    """Return how runs ended, in one line: those that did not end clean by verdict."""
    others = [f"{getattr(counts, verdict):,} {verdict}" for verdict in ENDS[1:] if getattr(counts, verdict)]
    runs = f"{counts.runs:,} {'run' if counts.runs == 1 else 'runs'}"
    return f"{runs}, {percent(counts.graceful)} graceful{'; ' if others else ''}{', '.join(others)}"
