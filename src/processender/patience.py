"""Waiting for something that nobody announces: looking again and again, within the time of an attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from .errors import CircuitOpenError, HandlerError, Transient, Unreachable
from .hints import TypeVar
from .ports import Context

T = TypeVar("T")


def check_wait(option: str, seconds: float, usual: float, timeout: float | None) -> None:
    """Raise `HandlerError` if the wait of *option* is longer than *timeout*; the *usual* one is shortened."""
    if timeout is not None and seconds > timeout and seconds != usual:
        text = "it would be cut off; give a longer timeout, or a shorter wait"
        raise HandlerError(f"cannot wait with {option}={seconds} and timeout={timeout}: {text}")


def poll(
    ctx: Context,
    look: Callable[[], T | None],
    *,
    every: float = 0.2,
    wait: float | None = None,
    slowest: float | None = None,
) -> T | None:
    """
    Call *look* until it returns something other than None, and return that; None when the time is up before.

    Args:

        ctx: The attempt in whose time it waits; when that must give way, it comes back at once.

        look: What looks; what it raises is passed on.

        every: How long it waits between two looks, seconds.

        wait: The longest it waits in all, seconds; by default as long as the attempt has. With 0 it looks once.

        slowest: Up to what each wait between two looks is twice the one before, seconds; by default all are the same.
    """
    over = threading.Event()
    forget = ctx.on_cancel(over.set)
    try:
        time = _Time(ctx, every, wait, slowest)
        while time.is_left():
            found = look()
            if found is not None:
                return found
            if over.wait(time.pause()):
                return None
        return None
    finally:
        forget()


async def poll_async(
    ctx: Context, look: Callable[[], T | None], *, every: float = 0.2, wait: float | None = None
) -> T | None:
    """Do the same on an event loop, without blocking it; it ends by its cancellation where it must give way."""
    import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

    never = asyncio.Event()
    time = _Time(ctx, every, wait)
    while time.is_left():
        found = look()
        if found is not None:
            return found
        try:
            await asyncio.wait_for(never.wait(), time.pause())
        except TimeoutError:
            continue
    return None


class _Time:
    """How long may still be looked: so long as the attempt has, and a limit of its own."""

    def __init__(self, ctx: Context, every: float, wait: float | None, slowest: float | None = None) -> None:
        self._ctx = ctx
        self._every = every
        self._slowest = every if slowest is None else slowest
        self._wait = wait
        self._spent = 0.0
        self._pause = 0.0
        self._before: float | None = None

    def is_left(self) -> bool:
        """Tell whether there is time for one more look, after the pause that was the last."""
        now = self._ctx.remaining()
        if self._before is not None:
            # The end of the attempt may be moved while it waits, and then the difference tells nothing.
            self._spent += max(self._pause, self._before - now)
            if self._pause <= 0:
                return False
        self._before = now
        return now > 0

    def pause(self) -> float:
        """Return how long to wait after a look; with 0 it was the last."""
        assert self._before is not None  # there was a look
        left = self._ctx.remaining()
        if self._wait is not None:
            left = min(left, self._wait - self._spent - (self._before - left))
        self._pause = max(0.0, min(self._every, left))
        self._every = min(2 * self._every, self._slowest)
        return self._pause


def evidence(
    ctx: Context,
    look: Callable[[], str | None],
    lacking: str | Callable[[], str],
    *,
    wait: float,
    every: float = 0.2,
    slowest: float | None = None,
) -> bool:
    """
    Wait until *look* tells in words what it has seen, note that, and return True; after *wait* seconds, False.

    A look that fails for now is repeated. That nothing was seen is noted and no failure: who waits goes on.

    Args:

        ctx: The attempt in whose time it waits; a tenth of that is left.

        look: What looks, and returns None as long as there is nothing to tell; `Permanent` is passed on.

        lacking: The words for what was not seen, like `web-1 is still listed`, or what tells them then.

        wait: The longest it waits, seconds.

        every: How long it waits between two looks, seconds.

        slowest: Up to what each wait is twice the one before, seconds; by default all are the same.
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

    wait = min(wait, ctx.remaining() * 0.9)
    seen = poll(ctx, try_to_look, every=every, wait=wait, slowest=slowest)
    if seen is not None:
        ctx.note(seen)
    elif ctx.remaining() > 0:
        unsure = "as far as can be told, " if failed else ""
        told = lacking if isinstance(lacking, str) else lacking()
        ctx.note(f"{unsure}{told} after {wait:.1f} s, and it goes on{failed}")
    return seen is not None


def quiet(ctx: Context, left: Callable[[], str], said: str, *, wait: float, looks: int = 2, every: float = 0.2) -> bool:
    """
    Wait until nothing is left, note that, and return True; after *wait* seconds, note what is left, and return False.

    Args:

        ctx: The attempt in whose time it waits.

        left: What looks, and says in words what is left; an empty text for nothing.

        said: The words for that nothing is left.

        wait: The longest it waits, seconds.

        looks: How often in a row nothing must be left: one look may fall between two requests.

        every: How long it waits between two looks, seconds.
    """
    row, last = 0, "nothing could be seen"

    def look() -> str | None:
        nonlocal row, last
        found = left()
        row = 0 if found else row + 1
        last = found or f"not for certain: {said}"
        return said if row >= looks else None

    return evidence(ctx, look, lambda: last, wait=wait, every=every)


def until_gone(ctx: Context, ask: Callable[[], object], stop: Callable[[], object], what: str) -> None:
    """
    Have *what* ended, unless it is gone already, and wait until it is, as long as the attempt has.

    Args:

        ctx: The attempt in whose time it waits.

        ask: Asks it for something; only `Unreachable` says that it is gone.

        stop: Asks it to end.

        what: Its name in the notes.
    """

    def gone() -> str | None:
        try:
            ask()
        except Unreachable:
            # What was broken off because the attempt must give way says nothing.
            return f"{what} is gone" if ctx.remaining() > 0 else None
        return None

    if gone() is None:
        # It may be gone before it has answered.
        with suppress(Unreachable):
            stop()
    evidence(ctx, gone, f"{what} still answers", wait=ctx.remaining(), every=0.05)
