"""Days and instants as text, in UTC: those of many nodes are read together."""

from __future__ import annotations

from time import gmtime, strftime

_MOST = 253402300799.0
"""The last second of the year 9999."""


def day_of(at: float) -> str:
    """Return the day of the instant *at*, seconds since 1970, as `2026-11-28`."""
    return strftime("%Y-%m-%d", gmtime(min(max(at, 0.0), _MOST)))


def instant_of(at: float) -> str:
    """Return the instant *at*, seconds since 1970, as `2026-11-28 11:02:07`."""
    return strftime("%Y-%m-%d %H:%M:%S", gmtime(min(max(at, 0.0), _MOST)))
