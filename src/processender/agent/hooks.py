"""Handlers that run beside the wait of the main thread: the hooks of one point of the command's life, each in a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..core.events import Event, HandlerEnded, Trouble
from ..core.handler import PHASES, Handler
from ..core.outcome import Outcome, describe
from ..engine.aside import Hurry, carry_out
from ..engine.clock import SystemClock
from ..engine.registry import Registry
from ..hints import Any
from .alarms import Alarms

POINTS = ("pre_start", "post_start", "ready", "pre_stop", "post_stop", "on_restart")
"""The points of the command's life at which hooks can run; a crash has its own, see `on_crash`."""
PHASE = {"pre_stop": "drain", "post_stop": "release"}
"""Where the hooks of a point stand in the plan of the end; those of the others are not in it."""


def hook_name(point: str, name: str) -> str:
    """Return the name under which the hook *name* of *point* is known, such as `pre-start.migrate`."""
    return f"{point.replace('_', '-')}.{name}"


def unless_gone(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return *call* for a plan of the end that is carried through also when there is no command left to be asked."""

    def before_stop(ctx: Any) -> None:
        if ctx.cause != "exit":
            call(ctx)

    return before_stop


class HookRun:
    """One run of handlers on threads of its own; the main thread hears of its end."""

    def __init__(self, alarms: Alarms, clock: SystemClock, tell: Callable[[Event], object]) -> None:
        """Take who wakes the main thread, the time, and whom to tell of what goes wrong; nothing runs yet."""
        self._alarms = alarms
        self._clock = clock
        self._tell = tell
        self.hurry = Hurry()
        """Lets what runs give way at once; from any thread."""
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether it has begun and not ended."""
        return self._thread is not None and self._thread.is_alive()

    def begin(
        self,
        cause: str,
        handlers: Sequence[Handler],
        window: float,
        then: Callable[[bool], object],
        behind: Callable[[], object] | None = None,
    ) -> None:
        """
        Begin.

        Args:

            cause: Why, as the handlers see it.

            handlers: What runs, in the order that they state.

            window: How long all of it may take, seconds.

            then: Is told on the main thread whether each of them is done.

            behind: Is called on the thread when they have ended.
        """

        def work() -> None:
            good = False
            try:
                good = self._carry(cause, handlers, window)
                if behind is not None:
                    behind()
            except Exception as error:  # the main thread waits for the word that follows
                self._tell(Trouble(self._clock.now(), "hook", f"cannot run {cause}: {describe(error)}"))
            self._alarms.soon(lambda: then(good))

        thread = threading.Thread(target=work, name="processender-hooks", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._tell(Trouble(self._clock.now(), "hook", f"cannot run {cause}: {error}; see the limits of the system"))
            self._alarms.soon(lambda: then(False))
            return
        self._thread = thread

    def join(self, seconds: float) -> None:
        """Wait at most *seconds* for its end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def observe(self, event: Event) -> None:
        """Tell of what went wrong."""
        if isinstance(event, HandlerEnded) and event.result.outcome is not Outcome.DONE:
            result = event.result
            text = f"{result.handler}: {result.outcome} ({result.error or result.reason})"
            self._tell(Trouble(event.at, "hook", text))
        elif isinstance(event, Trouble):
            self._tell(event)

    def _carry(self, cause: str, handlers: Sequence[Handler], window: float) -> bool:
        if not handlers:
            return True
        registry = Registry(PHASES, {}, ())
        registry.add(*handlers)
        results = carry_out(registry, self._clock, window, cause, (self,), self.hurry)
        return all(result.outcome is Outcome.DONE for result in results.values())


class HookRuns:
    """All runs that are under way. Main thread only."""

    def __init__(self, alarms: Alarms, clock: SystemClock, tell: Callable[[Event], object]) -> None:
        """Take what each of them needs; see `HookRun`."""
        self._parts = (alarms, clock, tell)
        self._clock = clock
        self._runs: list[HookRun] = []

    def begin(
        self,
        cause: str,
        handlers: Sequence[Handler],
        window: float,
        then: Callable[[bool], object],
        behind: Callable[[], object] | None = None,
    ) -> None:
        """Begin another one; see `HookRun.begin`."""
        run = HookRun(*self._parts)
        self._runs = [*(each for each in self._runs if each.busy), run]
        run.begin(cause, handlers, window, then, behind)

    @property
    def busy(self) -> bool:
        """Whether one is under way."""
        return any(each.busy for each in self._runs)

    def hurry(self, reason: str) -> None:
        """Let all give way at once."""
        for each in self._runs:
            each.hurry(reason)

    def join(self, seconds: float) -> None:
        """Wait at most *seconds* for the end of all."""
        until = self._clock.now() + seconds
        for each in self._runs:
            each.join(max(0.0, until - self._clock.now()))
