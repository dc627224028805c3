"""Calls to the outside from inside a handler: a deadline for each, and one breaker for each dependency."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine

from ..demand import load
from ..errors import CircuitOpenError
from ..hints import Any
from ..ports import Clock


class Dependencies:
    """The breakers of an Ender, by the name of the dependency. Safe for threads."""

    def __init__(self, clock: Clock) -> None:
        """Begin with no breaker."""
        self._clock = clock
        self._lock = threading.Lock()
        self._breakers: dict[str, Any] = {}

    def expect(self) -> None:
        """Load what a call needs: nothing is imported at the worst moment."""
        load("engine.calling")
        load("core.breaker")

    def enter(self, dependency: str) -> Any:
        """Return the breaker of *dependency*, which lets a call through; raise `CircuitOpenError` if it does not."""
        with self._lock:
            breaker = self._breakers.get(dependency)
            if breaker is None:
                breaker = self._breakers[dependency] = load("core.breaker").Breaker()
            if breaker.allow(self._clock.now()):
                return breaker
        text = f"cannot call {dependency!r}: it failed {breaker.threshold} times in a row; it is left alone for a while"
        raise CircuitOpenError(text)

    def leave(self, breaker: Any, *, ok: bool) -> None:
        """Tell *breaker* how a call ended."""
        with self._lock:
            if ok:
                breaker.success()
            else:
                breaker.failure(self._clock.now())

    def call(self, dependency: str, function: Callable[[], Any], limit: float) -> Any:
        """Call the sync *function* on a thread of its own; wait at most *limit* seconds for it."""
        return load("engine.calling").call(self, dependency, function, limit)

    def call_async(self, dependency: str, function: Callable[[], Any], limit: float) -> Coroutine[Any, Any, Any]:
        """Await *function*, or call it on a thread if it is sync; wait at most *limit* seconds for it."""
        made: Coroutine[Any, Any, Any] = load("engine.calling").call_async(self, dependency, function, limit)
        return made
