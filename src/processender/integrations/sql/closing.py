"""Engines of SQLAlchemy at the end: open transactions ended by a declared policy, then the pool closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ...closing import CLOSE_S, close_when_idle
from ...core.handler import Handler
from ...core.texts import counted, listed
from ...hints import Any
from ...ports import Context, check_kind


class _Checkouts:
    """The connections of a pool that are in use, each with who has taken it. Safe for threads."""

    def __init__(self, pool: Any) -> None:
        from sqlalchemy import event  # noqa: PLC0415 - for those who have it

        self._lock = threading.Lock()
        self._takers: dict[int, str] = {}
        self.closed = False
        """Whether the pool is disposed of."""
        # The one method that every pool that counts has; NullPool and StaticPool have none and hold nothing back.
        self._counted: Callable[[], int] | None = getattr(pool, "checkedout", None)
        event.listen(pool, "checkout", self._take)
        event.listen(pool, "checkin", self._give)

    def _take(self, _connection: Any, record: Any, _proxy: Any) -> None:
        with self._lock:
            self._takers[id(record)] = taker()

    def _give(self, _connection: Any, record: Any) -> None:
        with self._lock:
            self._takers.pop(id(record), None)
        if self.closed:
            # The pool that was disposed of would keep it open.
            record.invalidate()

    def count(self) -> int:
        """Return how many connections are in use, as the pool counts them."""
        if self._counted is not None:
            return max(0, self._counted())
        with self._lock:
            return len(self._takers)

    def left(self, count: int, name: str) -> str:
        """Say who still has *count* connections of *name*; those taken before this was made have no name."""
        with self._lock:
            takers = list(self._takers.values())
        by = f", taken by {listed(takers)}" if takers else ""
        text = f"closed {name} with {counted(count, 'connection')} in use{by}; each is closed when it comes back"
        return f"{text}, or ends with the process, end the work that has them in an earlier phase"


def taker() -> str:
    """Return the name of the task, or of the thread, that takes a connection now."""
    import asyncio  # noqa: PLC0415 - SQLAlchemy has loaded it

    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return f"task {task.get_name()}" if task is not None else f"thread {threading.current_thread().name}"


def close_engine(
    engine: Any,
    *,
    wait: float = CLOSE_S,
    name: str = "sql-engine",
    timeout: float | None = 2 * CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `close`, that waits until no connection is in use and disposes of the pool.

    A connection that another thread has taken cannot be closed safely under it: it is left and
    named, closed when it comes back, and rolled back by the server when the process is gone first.

    Args:

        engine: An `Engine`; for an `AsyncEngine` see `close_async_engine`.

        wait: The longest wait for connections in use, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`. It raises `LeftBehind` when connections were still in use.
    """
    wanted = "an Engine", "close_engine(engine), or close_async_engine(engine) for an AsyncEngine"
    check_kind(None if hasattr(engine, "sync_engine") else engine, ("pool", "dispose"), *wanted)
    checkouts = _Checkouts(engine.pool)

    def close(_ctx: Context) -> None:
        checkouts.closed = True
        engine.dispose()

    return close_when_idle(
        checkouts.count, close, lambda left: checkouts.left(left, name), is_async=False,
        wait=wait, name=name, timeout=timeout, after=after, needs=needs,
    )  # fmt: skip


def close_async_engine(
    engine: Any,
    *,
    wait: float = CLOSE_S,
    name: str = "sql-engine",
    timeout: float | None = 2 * CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """Do the same for an `AsyncEngine`, on the application's loop; the tasks that have a connection are named."""
    check_kind(engine, ("sync_engine",), "an AsyncEngine", "close_async_engine(engine); an Engine has close_engine")
    checkouts = _Checkouts(engine.sync_engine.pool)

    async def close(_ctx: Context) -> None:
        checkouts.closed = True
        await engine.dispose()

    return close_when_idle(
        checkouts.count, close, lambda left: checkouts.left(left, name), is_async=True,
        wait=wait, name=name, timeout=timeout, after=after, needs=needs,
    )  # fmt: skip
