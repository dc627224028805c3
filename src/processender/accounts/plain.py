"""What stands in an account, read with mistrust: what is not of its type reads as nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..hints import Any

_ENDLESS = float("inf")


def text(value: object) -> str:
    """Return *value* if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """Return *value* if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Of JSON an int may be larger than any float.
    return float(value) if isinstance(value, float) and -_ENDLESS < value < _ENDLESS else _of_int(value)


def table(value: object) -> dict[str, Any]:
    """Return *value* if it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> Iterator[dict[str, Any]]:
    """Give the tables that are in *value*, if it is a list."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def texts(value: object) -> tuple[str, ...]:
    """Return the texts that are in *value*, if it is a list."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _of_int(value: float) -> float | None:
    return float(value) if isinstance(value, int) and abs(value) < 1 << 53 else None
