"""How the process goes when the ordinary way is barred: a thread that does not come back would hold it for ever."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from ..hints import Any

FLUSH_S = 0.5


def flush_stdio(timeout: float) -> None:
    """Flush what Python has buffered and what `logging` holds, for at most *timeout* seconds: a pipe may be full."""
    # On a thread, since a full pipe blocks for ever and cannot be interrupted.
    thread = threading.Thread(target=_flush, name="processender-flush", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return
    thread.join(timeout)


def _flush() -> None:
    logging = sys.modules.get("logging")
    if logging is not None:
        for reference in list(logging._handlerList):  # noqa: SLF001 - `logging.shutdown` would also close them
            handler = reference()
            if handler is not None:
                _try_flush(handler)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            _try_flush(stream)


def _try_flush(stream: Any) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        # Closed, or nobody reads it any more: there is nobody left to tell.
        return


def leave_now(code: int, timeout: float = FLUSH_S) -> None:
    """Flush for at most *timeout* seconds and end the process with *code*, without joining any thread."""
    flush_stdio(timeout)
    os._exit(code)


async def ended_async(when_ended: Callable[[Callable[[], object]], object]) -> BaseException | None:
    """Wait until *when_ended* calls back, whatever cancels the waiting; return the cancellation that came meanwhile."""
    import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    when_ended(lambda: loop.is_closed() or loop.call_soon_threadsafe(ended.set))
    cancelled: BaseException | None = None
    while not ended.is_set():
        try:
            await ended.wait()
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
