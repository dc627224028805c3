"""Lengths of time as text with a unit, and the seconds that they mean."""

from __future__ import annotations

from ..core.spans import LONGEST_S

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EXAMPLES = "'500ms', '30s', '2m' or '1h'"


def parse_duration(text: str, *, zero: bool = False) -> float:
    """
    Return the seconds that *text* means.

    Args:

        text: A decimal number and one of the units ms, s, m, h, like `30s`.

        zero: Whether no time at all makes sense.

    Raises `ValueError` that says what is wrong and what to write.
    """
    number = text.strip().rstrip(_LETTERS)
    unit = text.strip()[len(number) :]
    if not _is_decimal(number.removeprefix("-")):
        raise ValueError(f"{text!r} is not a length of time; write one like {_EXAMPLES}")
    if unit and unit not in _UNITS:
        raise ValueError(f"{text!r} has the unknown unit {unit!r}; write it like {_EXAMPLES}")
    seconds = float(number) * _UNITS[unit or "s"]
    if seconds < 0 or (not seconds and not zero):
        raise ValueError(f"{text!r} is too short; it must be {'0s or more' if zero else 'more than 0s'}")
    if not unit:
        raise ValueError(f"{text!r} has no unit; give a unit: '{number}s'")
    if seconds > LONGEST_S:
        raise ValueError(f"{text!r} is longer than a week; is the unit right?")
    return seconds


def _is_decimal(text: str) -> bool:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    return digits.isascii() and digits.isdigit() and bool(whole) and not text.endswith(".") and len(text) <= 30


def format_duration(seconds: float) -> str:
    """Return *seconds* as text with a unit that `parse_duration` takes, with at most three decimals."""
    return f"{max(0.0, seconds):.3f}".rstrip("0").rstrip(".") + "s"
