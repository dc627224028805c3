"""A circuit breaker: a dependency that keeps failing is left alone for a while, by all who call it."""

from __future__ import annotations

from .words import Words


class BreakerState(Words):
    """What a breaker lets through."""

    CLOSED = "closed"
    """Every call."""
    OPEN = "open"
    """None, until the cool-down is over."""
    HALF_OPEN = "half-open"
    """One probe; its result decides."""


class Breaker:
    """
    Count failures in a row and open after *threshold* of them for *cooldown* seconds.

    The time is always an argument (monotonic seconds). Not safe for threads: the caller holds a lock.
    """

    __slots__ = ("_failures", "_opened_at", "_probing", "cooldown", "threshold")

    def __init__(self, threshold: int = 5, cooldown: float = 5.0) -> None:
        """Begin closed."""
        self.threshold = threshold
        self.cooldown = cooldown
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    def state(self, now: float) -> BreakerState:
        """Tell what a call at *now* would meet."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._opened_at + self.cooldown else BreakerState.HALF_OPEN

    def allow(self, now: float) -> bool:
        """Tell whether a call may start at *now*; in the half-open state the first caller becomes the probe."""
        state = self.state(now)
        if state is BreakerState.HALF_OPEN and not self._probing:
            self._probing = True
            return True
        return state is BreakerState.CLOSED

    def success(self) -> None:
        """Record that a call succeeded: the breaker closes."""
        self._failures = 0
        self._opened_at = None
        self._probing = False

    def failure(self, now: float) -> None:
        """Record that a call failed at *now*; the failure of a probe opens the breaker anew."""
        self._failures += 1
        if self._probing or self._failures >= self.threshold:
            self._opened_at = now
        self._probing = False
