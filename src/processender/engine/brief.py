"""The context of a call that is no attempt of the engine's: a health check, or a part of what a handler does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..core.labels import printable
from ..hints import TYPE_CHECKING, Any, Self
from ..ports import Clock, Context
from .attempt import GivesWay
from .context import NOTE_LENGTH

if TYPE_CHECKING:
    from logging import Logger


class BriefContext(GivesWay):
    """One call with a time of its own, as what is called sees it, see `ports.Context`. Safe for threads."""

    def __init__(self, deadline: float, clock: Clock, *, handler: str, cause: str, key: str, attempt: int = 1) -> None:
        """Take when its time is up, seconds on the *clock*, and what the call is to see; the *key* is all of it."""
        super().__init__(clock)
        self.handler, self.cause, self.attempt, self.idempotency_key = handler, cause, attempt, key
        self._deadline = deadline
        self._over = threading.Event()
        self.on_cancel(self._over.set)

    @classmethod
    def part_of(cls, outer: Context, key: str, deadline: float, clock: Clock) -> Self:
        """Return a context for a part, known by *key*, of the call that *outer* stands for."""
        whole = f"{outer.idempotency_key}/{key}"
        return cls(deadline, clock, handler=outer.handler, cause=outer.cause, key=whole, attempt=outer.attempt)

    @property
    def log(self) -> Logger:
        """The handler's logger, `processender.<handler>`."""
        import logging  # noqa: PLC0415 - for those who log

        return logging.getLogger(f"processender.{self.handler}")

    def note(self, text: str) -> None:
        """Say in a line, for the log, what was seen or done; a call that is no attempt has no place in a report."""
        self.log.info("%s", printable(text, NOTE_LENGTH))

    def remaining(self) -> float:
        """Return the seconds that are left; 0.0 when the call was asked to give way."""
        return 0.0 if self.cancelled else max(0.0, self._deadline - self._clock.now())

    def call(self, _dependency: str, function: Callable[[], Any], _timeout: float | None = None) -> Any:
        """Call *function*: this thread is the call's own, and who asks, or ends, wants no breaker in the way."""
        return function()

    def pause(self, seconds: float) -> None:
        """Wait *seconds*, or until the call must give way."""
        self._over.wait(min(seconds, self.remaining()))

    def cancel(self) -> None:
        """Ask the call to give way."""
        for function in self._give_way():
            function()
