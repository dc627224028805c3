"""Instants as somebody writes them on the command line: a length of time back from now, or a date."""

from __future__ import annotations

from ..archive.days import DAY_S, instant_at

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S, "y": 365 * DAY_S}


def moment(text: str, now: float) -> float:
    """
    Return the instant, seconds since 1970, that *text* means.

    Args:

        text: `30d`, `12h`, `2w` or `1y` before *now*; or a date in UTC, `2026-11-28` or `2026-11-28T11:02`; or `now`.

        now: The present, seconds since 1970.

    Raises `ValueError` that says what to write.
    """
    word = text.strip()
    if word == "now":
        return now
    number, unit = word[:-1], word[-1:]
    if unit in _UNITS and number.isascii() and number.replace(".", "", 1).isdigit() and len(number) < 10:
        return now - float(number) * _UNITS[unit]
    try:
        return instant_at(word)
    except ValueError:
        raise ValueError(
            f"{text!r} is no instant; write one like '7d', '12h', '2026-11-28' or '2026-11-28T11:02'"
        ) from None
