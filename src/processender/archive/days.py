"""Days and instants as text, in UTC: those of many nodes are read together."""

from __future__ import annotations

from calendar import timegm
from time import gmtime, strftime, strptime

DAY_S = 86400.0
"""The length of a day, seconds; days are those of UTC, by their number since 1970."""
MOST_DAYS = 1_100
"""How many days are kept, and told; the oldest are left out."""
_MOST = 253402300799.0
"""The last second of the year 9999."""


def day_of(at: float) -> str:
    """Return the day of the instant *at*, seconds since 1970, as `2026-11-28`."""
    return strftime("%Y-%m-%d", gmtime(min(max(at, 0.0), _MOST)))


def instant_of(at: float) -> str:
    """Return the instant *at*, seconds since 1970, as `2026-11-28 11:02:07`."""
    return strftime("%Y-%m-%d %H:%M:%S", gmtime(min(max(at, 0.0), _MOST)))


def instant_at(text: str) -> float:
    """
    Return the instant, seconds since 1970, that *text* names in UTC: `2026-11-28`, and behind a space or a T `11:02`.

    Raise `ValueError` where it names none.
    """
    plain = text.strip().removesuffix("Z").replace("T", " ")
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            return float(timegm(strptime(plain, form)))
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no date; write one like '2026-11-28' or '2026-11-28T11:02'")
