"""Waiting for something that nobody announces: looking again and again, within the time of an attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import CircuitOpenError, Transient
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


def evidence(
    ctx: Context, look: Callable[[], str | None], lacking: object, *, limit: float, every: float = 0.2
) -> bool:
    """
    Wait until *look* tells in words what it has seen, note that, and return True; after *limit* seconds, False.

    A look that fails for now is repeated. That nothing was seen is noted and no failure: who waits goes on.

    Args:

        ctx: The attempt in whose time it waits; a tenth of that is left.

        look: What looks, and returns None as long as there is nothing to tell; `Permanent` is passed on.

        lacking: The words for what was not seen, like `web-1 is still listed`, or something whose text says it then.

        limit: The longest it waits, seconds.

        every: How long it waits between two looks, seconds.
    """
    failed = ""

    def try_to_look() -> str | None:
        nonlocal failed
        try:
            seen = look()
        except (Transient, CircuitOpenError, TimeoutError, OSError) as error:
            failed = f": {error}"
            return None
        failed = ""
        return seen

    limit = min(limit, ctx.remaining() * 0.9)
    seen = poll(ctx, try_to_look, every=every, limit=limit)
    if seen is not None:
        ctx.note(seen)
    elif ctx.remaining() > 0:
        unsure = "as far as can be told, " if failed else ""
        ctx.note(f"{unsure}{lacking} after {limit:.1f} s, and it goes on{failed}")
    return seen is not None
