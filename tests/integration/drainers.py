"""What the tests of drainers have in common: an attempt that keeps what is noted."""

from __future__ import annotations

from contextlib import suppress

from processender.core.handler import Handler
from processender.engine.brief import BriefContext
from processender.engine.clock import SystemClock
from processender.errors import Transient

CLOCK = SystemClock()


class Attempt(BriefContext):
    """An attempt of a handler, with so many seconds."""

    def __init__(self, seconds: float = 10.0) -> None:
        super().__init__(CLOCK.now() + seconds, CLOCK, handler="leave", cause="SIGTERM", key="run-1/leave")
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


def leave(handler: Handler, seconds: float = 10.0) -> list[str]:
    """Leave traffic, in so many seconds; return what was noted."""
    ctx = Attempt(seconds)
    assert handler.call is not None
    handler.call(ctx)
    return ctx.notes


def come_back(handler: Handler, seconds: float = 10.0) -> list[str]:
    """Come back, in so many seconds; return what was noted."""
    ctx = Attempt(seconds)
    assert handler.resume is not None
    handler.resume(ctx)
    return ctx.notes


def give_way(handler: Handler, ctx: Attempt) -> None:
    """Leave traffic in an attempt that is cancelled meanwhile: it returns, or says what was broken off."""
    assert handler.call is not None
    with suppress(TimeoutError, Transient):
        handler.call(ctx)
