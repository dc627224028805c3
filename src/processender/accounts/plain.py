"""What stands in an account, read with mistrust: what is not of its type reads as nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..hints import Any

KILLED = "killed"
"""What a run ended in of which nothing was heard again."""
LATE_S = 60.0
"""How long after its window a run of which nothing was heard counts as killed: clocks differ, and so do disks."""
JOINED = "command/"
"""What stands before the names of the handlers of an application that has joined, where those of many are counted."""
_MOST = 1e15
"""What is larger cannot be counted with."""


def text(value: object) -> str:
    """Return *value* if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """Return *value* if it is a number that can be counted with, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -_MOST < value < _MOST:
        return float(value)
    return None


def table(value: object) -> dict[str, Any]:
    """Return *value* if it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> Iterator[dict[str, Any]]:
    """Give the tables that are in *value*, if it is a list."""
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, dict))


def texts(value: object) -> tuple[str, ...]:
    """Return the texts that are in *value*, if it is a list."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def is_crash(account: Mapping[str, Any]) -> bool:
    """Tell whether *account* is that of a crash, and not that of a run."""
    return "verdict" not in account and "pid" in account


def parts(account: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """
    Give *account* and those of the applications that had joined it, each with its name; that of *account* is empty.

    The name stands before those of its handlers, `shop/flush`, but not where its account says what was tried again.
    """
    yield "", account
    joined = table(account.get("command"))
    for each in (joined, *tables(joined.get("others"))):
        if each:
            yield text(each.get("service")) or "command", each
