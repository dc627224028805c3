"""What the main thread has to do at given times; it waits exactly until the next of them."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Alarms:
    """Functions, each with the time at which it is called. For one thread."""

    def __init__(self, clock: Any) -> None:
        """Take the *clock*."""
        self._clock = clock
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    def after(self, seconds: float, function: Callable[[], object]) -> int:
        """Let *function* be called in *seconds*; return the number by which it can be called off."""
        self._count += 1
        self._waiting.append((self._clock.now() + seconds, self._count, function))
        self._waiting.sort()
        return self._count

    def cancel(self, number: int) -> None:
        """Call off what has the *number*; what was called already is left alone."""
        self._waiting = [each for each in self._waiting if each[1] != number]

    @property
    def next(self) -> float | None:
        """When the next one is due, seconds on the monotonic clock; None if there is none."""
        return self._waiting[0][0] if self._waiting else None

    def ring(self) -> None:
        """Call those that are due."""
        while self._waiting and self._waiting[0][0] <= self._clock.now():
            _, _, function = self._waiting.pop(0)
            function()
