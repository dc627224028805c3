"""
What a program has in memory and must write out: queues, dirty dicts, and what `logging` holds back.

Takes over: Emptying a queue or a dict through a function of the application's until it is empty, also of what comes in
meanwhile; what could not be written is put back, behind what is there, so another attempt, or another handler, finds
it. The buffer of a `MemoryHandler` and the thread of a `QueueListener` are last of all, for what runs before them logs,
too.

Leaves: What is put in afterwards; finish who puts it in earlier, in `quiesce`.

Versions: The standard library of Python 3.11 and later.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence

from ..closing import CLOSE_S, FINISH_S, LAST, LeftBehind, idle, share, step
from ..core.handler import Handler
from ..core.texts import counted
from ..errors import Permanent
from ..hints import Any
from ..ports import Context, check_kind

_GONE = object()


def flush_queue(
    queue: Any,
    write: Callable[[Any], Any],
    *,
    batch: int | None = None,
    name: str = "queue",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `flush`, that empties *queue* through *write*.

    Args:

        queue: A `queue.Queue` or one of its kinds; or an `asyncio.Queue`, then the handler runs on its loop.

        write: Takes an item, or with *batch* a list of items; sync, or async for an `asyncio.Queue`.

        batch: How many items `write` takes at once.

    The other options are fields of `Handler`. It raises `LeftBehind` for what its time was too short for, and what
    `write` raises.
    """
    check_kind(queue, ("get_nowait", "empty"), "a queue", "flush_queue(queue, write)")
    check_kind(write, ("__call__",), "a function that writes", "flush_queue(queue, write)")
    taken = _Taken(queue, batch)
    is_async = hasattr(queue, "_unfinished_tasks")
    call = _emptying_async(taken, write, name) if is_async else _emptying(taken, write, name)
    return step(name, call, "flush", timeout, after, needs)


class _Taken:
    """What was taken from a queue and is not yet written; it survives an attempt."""

    def __init__(self, queue: Any, batch: int | None) -> None:
        self._queue = queue
        self._single = batch is None
        self._most = max(1, batch or 1)
        self._items: list[Any] = []
        self.written = 0

    def next(self) -> Any:
        """Return what is to be written next, None for nothing; the same again until `done`."""
        while len(self._items) < self._most and not self._queue.empty():
            try:
                self._items.append((self._queue.get_nowait(),))
            except Exception:  # `queue.Empty` or that of asyncio: somebody else took it
                break
        if not self._items:
            return None
        return self._items[0] if self._single else ([item for (item,) in self._items],)

    def done(self) -> None:
        """Note that it is written, for whoever waits in `join`."""
        # A `SimpleQueue` has no `join`, and nothing to tell.
        tell = getattr(self._queue, "task_done", None)
        if tell is not None:
            for _ in self._items:
                tell()
        self.written += len(self._items)
        self._items = []

    def put_back(self) -> None:
        """Put what was taken and not written behind what is there; what finds no room is kept for another attempt."""
        tell = getattr(self._queue, "task_done", None)
        while self._items:
            try:
                self._queue.put_nowait(self._items[0][0])
            except Exception:  # `queue.Full` or that of asyncio: somebody else has filled it
                return
            del self._items[0]
            if tell is not None:
                tell()

    def account(self, ctx: Context, name: str, error: Exception | None = None) -> None:
        """Tell what was written; put back what was not, and raise for what is left."""
        self.put_back()
        left = len(self._items) + self._queue.qsize()
        ctx.note(f"wrote {counted(self.written, 'item')} of {name}" + (f", {left} left" if left else ""))
        if error is not None:
            raise error
        if left:
            raise LeftBehind(
                f"its time was too short for {counted(left, 'item')} of {name}; give a batch= or more time"
            )


def _emptying(taken: _Taken, write: Callable[[Any], Any], name: str) -> Any:
    def flush(ctx: Context) -> None:
        failed: Exception | None = None
        while ctx.remaining() > 0 and (found := taken.next()) is not None:
            try:
                write(*found)
            except Exception as error:  # foreign code; it is raised below
                failed = error
                break
            taken.done()
        taken.account(ctx, name, failed)

    return flush


def _emptying_async(taken: _Taken, write: Callable[[Any], Any], name: str) -> Any:
    async def flush(ctx: Context) -> None:
        failed: Exception | None = None
        while ctx.remaining() > 0 and (found := taken.next()) is not None:
            try:
                result = write(*found)
                if hasattr(result, "__await__"):
                    await result
            except Exception as error:  # foreign code; it is raised below
                failed = error
                break
            taken.done()
        taken.account(ctx, name, failed)

    return flush


def flush_dict(
    cache: MutableMapping[Any, Any],
    write: Callable[[dict[Any, Any]], Any],
    *,
    name: str = "cache",
    timeout: float | None = FINISH_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `flush`, that writes what is in *cache* through *write* and takes it out.

    `write` is given a dict, and again while others put more in. When it raises, what it was given is put back, unless
    there is something newer under a key. The other options are fields of `Handler`.
    """
    check_kind(cache, ("pop", "setdefault"), "a dict", "flush_dict(cache, write)")

    def flush(ctx: Context) -> None:
        written = 0
        while cache and ctx.remaining() > 0:
            taken: dict[Any, Any] = {}
            try:
                for key in list(cache):
                    # Another thread may have evicted it, or it has expired.
                    if (value := cache.pop(key, _GONE)) is not _GONE:
                        taken[key] = value
                write(taken)
            except BaseException:
                for key, value in taken.items():
                    cache.setdefault(key, value)
                raise
            written += len(taken)
        ctx.note(f"wrote {counted(written, 'entry', 'entries')} of {name}")
        if cache:
            raise LeftBehind(f"its time was too short for {counted(len(cache), 'entry', 'entries')} of {name}")

    return step(name, flush, "flush", timeout, after, needs)


def flush_handler(
    handler: Any,
    *,
    name: str = "log-buffer",
    timeout: float | None = CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """Return the handler, last of the phase `release`, that flushes a `MemoryHandler`, or another of `logging`."""
    check_kind(handler, ("flush", "emit"), "a Handler of logging", "flush_handler(handler)")

    def flush() -> None:
        handler.flush()
        left = len(getattr(handler, "buffer", ()))
        if left:
            raise Permanent(f"cannot flush {name}: {counted(left, 'record')} and no target; call its setTarget()")

    return step(name, flush, "release", timeout, after, needs, priority=LAST)


def stop_listener(
    listener: Any,
    *,
    name: str = "log-listener",
    timeout: float | None = CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, last of the phase `release`, that lets a `QueueListener` write what is queued and stops it.

    It raises `TimeoutError` when a handler behind the listener blocks; its thread holds up no exit.
    """
    check_kind(listener, ("stop", "queue"), "a QueueListener", "stop_listener(listener)")

    def stop(ctx: Context) -> None:
        if getattr(listener, "_thread", None) is None:
            return
        full = getattr(listener.queue, "full", None)
        if full is not None:
            # It tells its thread to stop through the queue, and does not wait for a place in it.
            idle(lambda: int(full()), ctx, share(ctx, CLOSE_S))
        ctx.call(name, listener.stop)

    return step(name, stop, "release", timeout, after, needs, priority=LAST)


__all__ = ["flush_dict", "flush_handler", "flush_queue", "stop_listener"]
