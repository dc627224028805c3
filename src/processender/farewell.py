"""Last words: in which words and how long a client that is cut is told so, and what is broken off behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .core.limits import LAST_S
from .hints import Any
from .ports import Serving

REASON = "the service is ending"
"""What it is told."""
FAREWELL_S = LAST_S / 2
"""How long a client that was cut may take to be told, for it may be one that never reads; and"""
FAREWELL_SHARE = 1 / 3
"""at most this part of the time that is left, so that its server can leave behind it."""
BREAK_S = 0.05
"""How long a server whose time is over leaves to last words on their way, before it breaks its connections off."""


def farewell_time(ender: Serving) -> float:
    """Return how long a client that was cut may take to be told, seconds."""
    left = ender.remaining()
    return FAREWELL_S if left is None else min(FAREWELL_S, left * FAREWELL_SHARE)


def break_off(loop: asyncio.AbstractEventLoop, deed: Callable[[], object]) -> None:
    """Let *deed* break off on *loop* what is left, when last words have had their time; from any thread."""
    loop.call_soon_threadsafe(loop.call_later, BREAK_S, deed)


def tasks_running(module: str, coroutine: str, loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    """Return the tasks of *loop* that run the *coroutine* of this qualified name in *module*."""
    return {task for task in asyncio.all_tasks(loop) if _runs(task.get_coro(), module, coroutine)}


def _runs(running: Any, module: str, coroutine: str) -> bool:
    frame = getattr(running, "cr_frame", None)
    return frame is not None and running.__qualname__ == coroutine and frame.f_globals.get("__name__") == module
