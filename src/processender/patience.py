"""Waiting for something that nobody announces: looking again and again, within the time of an attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .hints import TypeVar
from .ports import Context

T = TypeVar("T")


def poll(ctx: Context, look: Callable[[], T | None], *, every: float = 0.2, limit: float | None = None) -> T | None:
    """
    Call *look* until it returns something other than None, and return that; None when the time is up before.

    Args:

        ctx: The attempt in whose time it waits; when that must give way, it comes back at once.

        look: What looks; what it raises is passed on.

        every: How long it waits between two looks, seconds.

        limit: The longest it waits in all, seconds; by default as long as the attempt has. With 0 it looks once.
    """
    over = threading.Event()
    ctx.on_cancel(over.set)
    spent = 0.0
    while (before := ctx.remaining()) > 0:
        found = look()
        if found is not None:
            return found
        left = ctx.remaining() if limit is None else min(limit - spent - (before - ctx.remaining()), ctx.remaining())
        if left <= 0 or over.wait(min(every, left)):
            return None
        # The end of the attempt may be moved while it waits, and then the difference tells nothing.
        spent += max(min(every, left), before - ctx.remaining())
    return None
