"""What the main thread has to do: at given times, or as soon as it can for another thread."""

from __future__ import annotations

from ..engine.clock import SystemClock
from ..hints import TYPE_CHECKING
from . import kernel

if TYPE_CHECKING:
    from collections.abc import Callable


class Alarms:
    """Functions, each with the time at which the main thread calls it."""

    def __init__(self, clock: SystemClock) -> None:
        """Take the *clock*."""
        self._clock = clock
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._soon: list[Callable[[], object]] = []
        self._count = 0

    def after(self, seconds: float, function: Callable[[], object]) -> int:
        """Let *function* be called in *seconds*; return the number by which it can be called off. Main thread only."""
        self._count += 1
        self._waiting.append((self._clock.now() + seconds, self._count, function))
        self._waiting.sort(key=lambda each: each[:2])
        return self._count

    def cancel(self, number: int) -> None:
        """Call off what has the *number*; what was called already is left alone. Main thread only."""
        self._waiting = [each for each in self._waiting if each[1] != number]

    def soon(self, function: Callable[[], object]) -> None:
        """Let *function* be called by the main thread as soon as it can; from any thread."""
        self._soon.append(function)
        kernel.wake()

    @property
    def next(self) -> float | None:
        """When the next one is due, seconds on the monotonic clock; None if there is none."""
        if self._soon:
            return self._clock.now()
        return self._waiting[0][0] if self._waiting else None

    def ring(self) -> None:
        """Call those that are due."""
        while self._soon:
            self._soon.pop(0)()
        while self._waiting and self._waiting[0][0] <= self._clock.now():
            _, _, function = self._waiting.pop(0)
            function()
