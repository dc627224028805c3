"""How often a person must ask before the end is hurried, and before it is forced."""

from __future__ import annotations

from collections.abc import Collection

NOTICE = 1
"""An ordinary notice."""
HURRY = 2
"""All below `must` is given up."""
FORCE = 3
"""The process ends now."""


class Escalation:
    """Counts the signals that escalate; two within *debounce* seconds are one key pressed, or one group signalled."""

    __slots__ = ("_count", "_last", "debounce", "signums")

    def __init__(self, signums: Collection[int], debounce: float = 0.5) -> None:
        """Count *signums* only; every other signal is an ordinary notice each time."""
        self.signums = frozenset(signums)
        self.debounce = debounce
        self._count = 0
        self._last: float | None = None

    def level(self, signum: int, at: float) -> int:
        """Count the signal *signum*, heard at the instant *at*; return the level that it asks for, 0 for none."""
        if signum not in self.signums:
            return NOTICE
        if self._last is not None and at - self._last < self.debounce:
            return 0
        self._last = at
        self._count += 1
        return min(self._count, FORCE)

    def forget(self) -> None:
        """Begin to count anew, because the end was taken back."""
        self._count, self._last = 0, None
