"""What every attempt has, and every call that is none: it can be asked to give way, and has parts of a shorter time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..hints import Any
from ..ports import Clock, Context


class GivesWay:
    """The half of a context that is asked to give way. Safe for threads."""

    cancelled = False
    """Whether the attempt was asked to give way."""

    def __init__(self, clock: Clock) -> None:
        """Only the engine makes one."""
        self._clock = clock
        self._lock = threading.Lock()
        self._on_cancel: dict[object, Callable[[], object]] = {}

    def on_cancel(self, function: Callable[[], object]) -> Callable[[], object]:
        """
        Let *function* be called, on a thread of the engine's, when the attempt must give way; at once if it must.

        Return what takes that back, for who has nothing to break off any more.
        """
        key = object()
        with self._lock:
            if not self.cancelled:
                self._on_cancel[key] = function
                return lambda: self._on_cancel.pop(key, None)
        function()
        return lambda: None

    def short(self, seconds: float) -> Any:
        """Return a context for a part of the attempt that takes at most *seconds*."""
        whole: Any = self
        return Part(whole, seconds, self._clock)

    def _give_way(self) -> list[Callable[[], object]]:
        with self._lock:
            self.cancelled = True
            functions, self._on_cancel = self._on_cancel, {}
        return list(functions.values())


class Part:
    """A part of an attempt, with a limit of its own; all else is that of the whole. See `ports.Context`."""

    def __init__(self, whole: Context, seconds: float, clock: Clock) -> None:
        """Take so many *seconds* at most."""
        self.handler, self.cause, self.attempt = whole.handler, whole.cause, whole.attempt
        self.idempotency_key = whole.idempotency_key
        self.on_cancel, self.note = whole.on_cancel, whole.note
        self._whole = whole
        self._clock = clock
        self._until = clock.now() + seconds

    @property
    def cancelled(self) -> bool:
        """Whether the whole was asked to give way."""
        return bool(getattr(self._whole, "cancelled", False))

    @property
    def log(self) -> Any:
        """That of the whole."""
        return self._whole.log

    def remaining(self) -> float:
        """Return the seconds that the part has left; never more than the whole has."""
        return max(0.0, min(self._whole.remaining(), self._until - self._clock.now()))

    def call(self, dependency: str, function: Callable[[], Any], timeout: float | None = None) -> Any:
        """Call *function* as the whole does, within the time of the part."""
        left = self.remaining()
        return self._whole.call(dependency, function, left if timeout is None else min(timeout, left))

    def short(self, seconds: float) -> Part:
        """Return a context for a part of the part."""
        return Part(self._whole, min(seconds, self.remaining()), self._clock)
