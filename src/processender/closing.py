"""How a resource becomes a handler: what the functions that close, flush, finish and stop have in common."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence

from .core.handler import Handler
from .errors import Permanent
from .hints import Any
from .patience import poll
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
SHOWN = 10
"""How many are named; the others are counted."""


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


def settle(count: Callable[[], int], ctx: Context, limit: float) -> int:
    """Wait at most *limit* seconds, or until the attempt is cancelled, for *count* to give 0; return what it gives."""
    poll(ctx, lambda: True if not count() else None, every=EVERY_S, limit=limit)
    return count()


async def settle_async(count: Callable[[], int], ctx: Context, limit: float) -> int:
    """Do the same on an event loop, without blocking it."""
    import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

    never = asyncio.Event()
    floor = max(0.0, ctx.remaining() - limit)
    while (left := count()) and ctx.remaining() > floor:
        try:
            await asyncio.wait_for(never.wait(), EVERY_S)
        except TimeoutError:
            continue
    return left


def finish(ctx: Context, wait: float, running: Callable[[], int], give_up: Callable[[], object]) -> bool:
    """
    Wait until nothing runs, and return True; False when something runs on after the `share` of *wait* seconds.

    What has not begun when most of that is over is given up by *give_up*, so that the rest is for what runs.
    """
    limit = share(ctx, wait)
    moment = min(MOMENT_S, limit * MOMENT_SHARE)
    if not settle(running, ctx, limit - moment):
        return True
    give_up()
    return not settle(running, ctx, moment)


def listed(names: Iterable[str]) -> str:
    """Return *names* as one text, at most `SHOWN` of them and the number of the others."""
    known = list(names)
    more = len(known) - SHOWN
    return ", ".join(known[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, thing: str) -> str:
    """Return *number* with the noun *thing*, in the plural unless it is one."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def standing(threads: Iterable[threading.Thread]) -> str:
    """Return the name and the stack of each of *threads* that has not ended, the innermost call last."""
    import traceback  # noqa: PLC0415 - for the case that one is stuck

    frames = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's stack
    found = [(each, frames.get(each.ident or 0)) for each in threads if each.is_alive()]
    return "\n".join(
        f"{each.name}:\n{''.join(traceback.format_stack(frame)).rstrip()}" for each, frame in found if frame is not None
    )
