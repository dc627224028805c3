"""What the agent does before it asks the command to end: readiness fails, and traffic is given the time to notice."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..ports import Context
from .health import Health


def fail_readiness(health: Health) -> Callable[[], None]:
    """Return the callable that lets /readyz fail."""

    def fail() -> None:
        health.draining = True

    return fail


def pass_readiness(health: Health) -> Callable[[], None]:
    """Return the callable that undoes it: /readyz tells again whether the command is ready."""

    def pass_again() -> None:
        health.draining = False

    return pass_again


def drain_delay(seconds: float, when_gone: Callable[[Callable[[], object]], object]) -> Callable[[Context], None]:
    """
    Return the callable that waits *seconds*, unless there is nobody left who could serve.

    Args:

        seconds: How long the command still serves.

        when_gone: Calls what it is given when the command has ended, or at once if it has.
    """

    def delay(ctx: Context) -> None:
        if ctx.cause == "SIGINT" and os.isatty(0):
            # A person at a terminal has pressed Ctrl-C: no balancer is in front of it.
            return
        over = threading.Event()
        ctx.on_cancel(over.set)
        when_gone(over.set)
        over.wait(min(seconds, ctx.remaining()))

    return delay
