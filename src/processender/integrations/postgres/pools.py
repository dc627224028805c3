"""Pools of PostgreSQL connections, of psycopg and of asyncpg, closed when nobody uses them any more, or in time."""

from __future__ import annotations

from collections.abc import Sequence

from ...closing import CLOSE_S, LeftBehind, close_when_idle, idle_async, share, step
from ...core.handler import Handler
from ...core.texts import counted, listed
from ...errors import HandlerError
from ...hints import Any
from ...ports import Context

HINT = "end the work that has them in an earlier phase"


def close_pool(
    pool: Any,
    *,
    wait: float = CLOSE_S,
    name: str = "postgres-pool",
    timeout: float | None = 2 * CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `close`, that waits until no connection is in use and closes the pool.

    Those of asyncpg that are still in use are terminated then, which a `close()` of its own would wait for without an
    end. psycopg cannot close what others have: it closes them when they come back, or they end with the process.

    Args:

        pool: A `ConnectionPool` or an `AsyncConnectionPool` of psycopg_pool, or a pool of asyncpg.

        wait: The longest wait for connections in use, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`. It raises `LeftBehind` when connections were still in use.
    """
    if hasattr(pool, "terminate"):
        return step(name, _closing_asyncpg(pool, wait, name), "close", timeout, after, needs)
    if not hasattr(pool, "get_stats"):
        raise HandlerError(f"cannot close {pool!r}: it is no pool of psycopg_pool or asyncpg")

    def cut(left: int) -> str:
        text = f"closed {name} with {counted(left, 'connection')} in use; each is closed when it comes back"
        return f"{text}, or ends with the process; {HINT}"

    return close_when_idle(
        lambda: _in_use(pool), lambda ctx: pool.close(timeout=ctx.remaining()), cut,
        is_async=hasattr(type(pool), "__aenter__"), wait=wait, name=name, timeout=timeout, after=after, needs=needs,
    )  # fmt: skip


def _in_use(pool: Any) -> int:
    stats = pool.get_stats()
    return int(stats.get("pool_size", 0) - stats.get("pool_available", 0))


def _closing_asyncpg(pool: Any, wait: float, name: str) -> Any:
    async def close(ctx: Context) -> None:
        import asyncio  # noqa: PLC0415 - asyncpg has loaded it

        left = await idle_async(lambda: pool.get_size() - pool.get_idle_size(), ctx, share(ctx, wait))
        if left:
            sessions = _sessions(pool)
            pool.terminate()
            raise LeftBehind(
                f"cut {counted(left, 'connection')} of {name} in use: {sessions}; {HINT}, or give a longer wait="
            )
        try:
            # Being cancelled, it terminates what it still waits for.
            await asyncio.wait_for(pool.close(), share(ctx, wait))
        except TimeoutError:
            raise LeftBehind(f"cut the connections of {name}: the server did not take leave in time") from None

    return close


def _sessions(pool: Any) -> str:
    """Name the sessions in use by the pids that the server knows them by."""
    holders = [each for each in getattr(pool, "_holders", ()) if not each.is_idle() and each.is_connected()]
    return listed(f"server pid {each._con.get_server_pid()}" for each in holders)  # noqa: SLF001 - no other way to it
