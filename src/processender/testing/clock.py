"""A clock that stands still until it is told to move, and a chance that is what it was told to be."""

from __future__ import annotations


class VirtualClock:
    """Time and chance as data: the port `Clock` without a clock."""

    def __init__(self, at: float = 0.0, *, wall: float = 1_800_000_000.0, chance: float = 0.5) -> None:
        """
        Stand at the instant *at*.

        Args:

            at: Seconds on the monotonic clock.

            wall: Seconds since 1970 at that instant.

            chance: What every draw gives, a number in [0, 1).
        """
        self._now = at
        self._offset = wall - at
        self._chance = chance

    def now(self) -> float:
        """Return seconds on the monotonic clock."""
        return self._now

    def wall(self) -> float:
        """Return seconds since 1970."""
        return self._now + self._offset

    def chance(self) -> float:
        """Return the number that was given."""
        return self._chance

    def step(self, seconds: float) -> None:
        """Let somebody set the wall clock *seconds* forward, or back; the monotonic clock does not move."""
        self._offset += seconds

    def advance(self, seconds: float) -> None:
        """Move forward by *seconds*; raise `ValueError` for a step back."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s: the monotonic clock never goes back")
        self._now += seconds
