"""Times in steps of a tenth: what is counted by step gives each quantile within 5 %, whatever is put together."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log

STEP = 1.1
"""How much longer each step is than the one before; the middle of one is at most 4.8 % from all in it."""
_LEAST_S = 1e-6
_MOST = 400
_LOG = log(STEP)
_MIDDLE = 2.0 / (STEP + 1.0)


def bucket(seconds: float) -> int:
    """Return the number of the step in which *seconds* lie, 0 for what takes no time."""
    return 0 if seconds <= _LEAST_S else min(_MOST, ceil(log(seconds / _LEAST_S) / _LOG))


def middle(number: int) -> float:
    """Return the seconds that stand for the step of that *number*."""
    return _LEAST_S * STEP**number * _MIDDLE if number else 0.0


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the least time that *share* of all did not exceed, of *counts* by step; None without any."""
    total = sum(counts.values())
    if total <= 0:
        return None
    rank, seen = max(1, ceil(share * total)), 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= rank:
            return middle(number)
    return middle(max(counts))
