"""Waiting for a fact that nobody announces."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LIMIT_S = 30.0
"""A generous limit: time itself is never what a test asserts."""
EVERY_S = 0.02


def until(fact: Callable[[], T], limit: float = LIMIT_S) -> T:
    """Ask until *fact* holds and return what it said; fail when that is not so in time."""
    last = time.monotonic() + limit
    while not (said := fact()):
        assert time.monotonic() < last, f"it does not hold after {limit:g} s: the last that it said is {said!r}"
        time.sleep(EVERY_S)
    return said
