"""What the deed of one step runs with: a context with the time of the step, and a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..engine.clock import SystemClock
from ..hints import Any
from ..ports import Context


class StepContext:
    """What the deed of one step is told: the time of the step, in the name of the handler. See `ports.Context`."""

    def __init__(self, outer: Context, key: str, until: float, clock: SystemClock) -> None:
        """Take the context of the handler, what to add to its key, and when the step is over."""
        self.handler, self.cause, self.attempt = outer.handler, outer.cause, outer.attempt
        self.idempotency_key = f"{outer.idempotency_key}/{key}"
        self._outer = outer
        self._until = until
        self._clock = clock
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._on_cancel: list[Callable[[], object]] = []

    def remaining(self) -> float:
        """Return the seconds that the deed has left; 0.0 when it was asked to give way."""
        return 0.0 if self._cancelled.is_set() else max(0.0, self._until - self._clock.now())

    def call(self, _dependency: str, function: Callable[[], Any], _timeout: float | None = None) -> Any:
        """Call *function*: this thread is the deed's own, and at the end no breaker may be in the way."""
        return function()

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Let *function* be called when the deed must give way; at once if it must."""
        with self._lock:
            if not self._cancelled.is_set():
                self._on_cancel.append(function)
                return
        function()

    @property
    def log(self) -> Any:
        """The logger of the handler."""
        return self._outer.log

    def short(self, seconds: float) -> StepContext:
        """Return a context for a part of the deed that takes at most *seconds*."""
        part = StepContext(self, "", min(self._until, self._clock.now() + seconds), self._clock)
        self.on_cancel(part.cancel)
        return part

    def pause(self, seconds: float) -> None:
        """Wait *seconds*, or until the deed must give way."""
        self._cancelled.wait(min(seconds, self.remaining()))

    def cancel(self) -> None:
        """Ask the deed to give way."""
        with self._lock:
            self._cancelled.set()
            functions, self._on_cancel = self._on_cancel, []
        for function in functions:
            function()


class Deed:
    """A function on a thread of its own."""

    def __init__(self, function: Callable[[StepContext], object], ctx: StepContext, ring: Callable[[], object]) -> None:
        """Start it with its context, and *ring* when it is done."""
        self.done = False
        """Whether it is."""
        self.why = ""
        """Why it failed; empty when it did not."""
        self.ctx = ctx
        self._function = function
        self._ring = ring
        try:
            threading.Thread(target=self._run, name="processender-stop", daemon=True).start()
        except RuntimeError as error:
            self.done, self.why = True, f"cannot start a thread: {error}"

    def _run(self) -> None:
        try:
            self._function(self.ctx)
        except Exception as error:  # foreign code; it is told
            self.why = str(error) or type(error).__name__
        finally:
            self.done = True
            self._ring()
