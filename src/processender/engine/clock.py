"""The real time and the real chance; the only file that reads a clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

_CHANCE_BITS = 52


class SystemClock:
    """The monotonic clock of the host."""

    def now(self) -> float:
        """Return seconds on the monotonic clock, which all processes of a Linux host share."""
        return time.monotonic()

    def wall(self) -> float:
        """Return seconds since 1970, for display only."""
        return time.time()

    def chance(self) -> float:
        """Return a number in [0, 1); `random` would cost 2 ms and 1 MB at import."""
        return (int.from_bytes(os.urandom(8)) >> (64 - _CHANCE_BITS)) / (1 << _CHANCE_BITS)


def series(seed: int = 1) -> Callable[[], float]:
    """Return what gives the same numbers in [0, 1) for the same *seed*: the same handlers are to have the same plan."""
    state = seed

    def chance() -> float:
        nonlocal state
        # The constants are Knuth's, of MMIX; the low bits repeat soon and are left out.
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFF_FFFF_FFFF_FFFF
        return (state >> 11) / (1 << 53)

    return chance


def new_id(wall: float) -> str:
    """Return an id of the instant *wall*, seconds since 1970, that nobody else has; those of later ones sort behind."""
    return f"{int(wall):x}-{os.urandom(6).hex()}"
