"""The time that everybody has to notice that no traffic is to come any more."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..core.window import Window
from ..ports import Context

WHOLE = 0.85
"""What part of the time that was meant must be there for a window to be no short one."""


def drain_delay(
    seconds: float, grace: float, when_gone: Callable[[Callable[[], object]], object]
) -> Callable[[Context], None]:
    """
    Return the callable that waits *seconds*, unless there is nobody left who could serve.

    Args:

        seconds: How long requests are still served; in a short window no more than half of the time that there is,
            or than the part of the grace that it was meant to take: what was begun must be finished too.

        grace: How long the whole end was meant to take, seconds.

        when_gone: Calls what it is given when who serves has ended, or at once if it has.
    """
    meant = Window.open(0.0, grace).work

    def delay(ctx: Context) -> None:
        if ctx.cause == "SIGINT" and os.isatty(0):
            # A person at a terminal has pressed Ctrl-C: no balancer is in front of it.
            return
        over = threading.Event()
        ctx.on_cancel(over.set)
        when_gone(over.set)
        left = ctx.remaining()
        part = left * max(0.5, seconds / meant)
        if left < WHOLE * meant and part < seconds:
            ctx.note(f"{part:.1f} s instead of {seconds:g} s, for the time is short")
            over.wait(part)
        else:
            over.wait(seconds)

    return delay
