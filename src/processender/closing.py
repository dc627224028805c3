"""How a resource becomes a handler: what the functions that close, flush, finish and stop have in common."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence

from .core.handler import Handler
from .errors import Permanent
from .hints import Any
from .patience import check_wait, poll, poll_async
from .ports import Context

CLOSE_S = 5.0
"""How long closing may take, seconds, unless its caller says otherwise."""
FINISH_S = 10.0
"""How long finishing work may take, seconds, unless its caller says otherwise."""
LAST = -100
"""The priority of what ends its phase: the others of the phase may still need it."""
EVERY_S = 0.02
"""How often is looked whether something is still in use."""
MOMENT_S, MOMENT_SHARE = 1.0, 0.25
"""How long what runs still has when nothing more begins: seconds at most, and which part of the whole wait."""


class LeftBehind(Permanent):
    """Something had not ended when its time was up; it was cut."""

    code = "left-behind"


def step(name: str, call: Callable[..., Any], phase: str, timeout: float | None, after: str | Sequence[str],
         needs: str | Sequence[str], **more: Any) -> Handler:  # fmt: skip
    """Return the handler of a resource; *after* and *needs* take one name or many."""
    ordered = [(names,) if isinstance(names, str) else tuple(names) for names in (after, needs)]
    return Handler(name, call, phase=phase, timeout=timeout, after=ordered[0], needs=ordered[1], **more)


def share(ctx: Context, wait: float) -> float:
    """Return how long may be waited, at most *wait* seconds: the other half of the time is for what comes then."""
    return max(0.0, min(wait, ctx.remaining() / 2))


def idle(count: Callable[[], int], ctx: Context, wait: float) -> int:
    """Wait at most *wait* seconds, or until the attempt is cancelled, for *count* to give 0; return what it gives."""
    poll(ctx, lambda: True if not count() else None, every=EVERY_S, wait=wait)
    return count()


async def idle_async(count: Callable[[], int], ctx: Context, wait: float) -> int:
    """Do the same on an event loop, without blocking it."""
    await poll_async(ctx, lambda: True if not count() else None, every=EVERY_S, wait=wait)
    return count()


def finish(ctx: Context, wait: float, running: Callable[[], int], give_up: Callable[[], object]) -> bool:
    """
    Wait until nothing runs, and return True; False when something runs on after the `share` of *wait* seconds.

    What has not begun when most of that is over is given up by *give_up*, so that the rest is for what runs.
    """
    limit = share(ctx, wait)
    moment = min(MOMENT_S, limit * MOMENT_SHARE)
    if not idle(running, ctx, limit - moment):
        return True
    give_up()
    return not idle(running, ctx, moment)


def close_when_idle(
    count: Callable[[], int], close: Callable[[Context], Any], cut: Callable[[int], str], *, is_async: bool,
    wait: float, name: str, timeout: float | None, after: str | Sequence[str], needs: str | Sequence[str],
) -> Handler:  # fmt: skip
    """
    Return the handler, of the phase `close`, that waits until *count* gives 0 and closes; what is left then is told.

    Args:

        count: How many are in use.

        close: Closes; it may be a coroutine function if it *is_async*.

        cut: The words for so many that are still in use, said before it closes; it raises `LeftBehind` with them then.

        is_async: Whether it runs on an event loop.

        wait: The longest wait, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`.
    """
    check_wait("wait", wait, CLOSE_S, timeout)

    def call(ctx: Context) -> None:
        left = idle(count, ctx, share(ctx, wait))
        words = cut(left) if left else ""
        close(ctx)
        _refuse(words)

    async def call_async(ctx: Context) -> None:
        left = await idle_async(count, ctx, share(ctx, wait))
        words = cut(left) if left else ""
        await close(ctx)
        _refuse(words)

    return step(name, call_async if is_async else call, "close", timeout, after, needs)


def _refuse(words: str) -> None:
    if words:
        raise LeftBehind(f"{words}, or give a longer wait=")


def standing(threads: Iterable[threading.Thread]) -> str:
    """Return the name and the stack of each of *threads* that has not ended, the innermost call last."""
    import traceback  # noqa: PLC0415 - for the case that one is stuck

    frames = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's stack
    found = [(each, frames.get(each.ident or 0)) for each in threads if each.is_alive()]
    return "\n".join(
        f"{each.name}:\n{''.join(traceback.format_stack(frame)).rstrip()}" for each, frame in found if frame is not None
    )
