"""Spans of time: the longest that is believed, and what other programs write."""

from __future__ import annotations

LONGEST_S = 7 * 24 * 3600.0
"""A week: what is longer is a unit gone wrong."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds_of(text: str) -> float | None:
    """
    Return the seconds that *text* means, None where it means none that are believed.

    It is written as other programs write it: a number of seconds, `30`, or numbers with units, `1m30s` and `500 ms`.
    """
    import re  # noqa: PLC0415 - for those who read what others write

    text = text.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        found = float(text)
    elif re.fullmatch(r"([0-9]+(\.[0-9]+)? *(ms|h|m|s) *)+", text):
        parts = re.findall(r"([0-9.]+) *([a-z]+)", text)
        found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    else:
        return None
    return found if found <= LONGEST_S else None
