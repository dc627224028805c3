"""Taking back, beside the life of the process, what drainers of an earlier life have left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..core.drain import WAY_BACK
from ..core.events import Event, HandlerEnded, Trouble
from ..core.handler import Handler
from ..core.outcome import Outcome
from ..ports import Clock, Context
from .aside import Hurry, carry_out
from .registry import Registry

CAUSE = "ready"


class ComeBack:
    """The run of the `resume` of each lasting handler; the end waits until it is over, and hurries it."""

    def __init__(
        self, handlers: Sequence[Handler], window: float, clock: Clock, tell: Callable[[Event], object]
    ) -> None:
        """
        Take what to resume; nothing happens before `start`.

        Args:

            handlers: The lasting handlers, in their order.

            window: How long it may take, seconds.

            clock: The time.

            tell: Is told what could not be taken back.
        """
        self._handlers = tuple(handlers)
        self._window = window
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._then: Callable[[], object] = lambda: None
        self._hurry = Hurry()

    def when_over(self, function: Callable[[], object]) -> bool:
        """Let *function* be called when it is over; return False, and call nothing, if it is over already."""
        with self._lock:
            if not self._over.is_set():
                self._then = function
                return True
        return False

    def start(self) -> None:
        """Begin, on a thread of its own."""
        threading.Thread(target=self._run, name="processender-way-back", daemon=True).start()

    def handler(self, before: Sequence[str]) -> Handler:
        """Return the handler that lets none of *before* leave traffic while this is not over."""
        return Handler(WAY_BACK, self.wait, phase="drain", before=tuple(before), expected=0.0)

    def wait(self, ctx: Context) -> None:
        """Let it be over soon, and wait until it is."""
        self._hurry("the end has come")
        ctx.on_cancel(self._over.set)
        self._over.wait()

    def observe(self, event: Event) -> None:
        """Tell of what was not taken back."""
        if isinstance(event, HandlerEnded) and event.result.outcome is not Outcome.DONE:
            result = event.result
            why = result.error or result.reason or str(result.outcome)
            text = f"{result.handler!r} could not be brought back: {why}; traffic may still be away"
            if result.outcome is Outcome.FAILED:
                # It is what the leaving will meet, too: most often the place is wrong, or not to be reached from here.
                text += ", and unless that is mended the drainer will not work at the end either"
            self._tell(Trouble(self._clock.now(), "not-resumed", text))

    def _run(self) -> None:
        registry = Registry(("drain",), {}, ())
        for each in self._handlers:
            # Nothing that was heard later may undo it: it is worth as much as the leaving.
            registry.add(Handler(each.name, each.resume, timeout=each.timeout, retry=each.retry, phase="drain"))
        try:
            carry_out(registry, self._clock, self._window, CAUSE, (self,), self._hurry)
        finally:
            with self._lock:
                self._over.set()
            self._then()
