"""Clients of Redis at the end: closed when no command is under way any more, or in time."""

from __future__ import annotations

from collections.abc import Sequence

from ...closing import CLOSE_S, LeftBehind, counted, settle, settle_async, share, step
from ...core.handler import Handler
from ...hints import Any
from ...ports import Context


def close_client(
    client: Any,
    *,
    wait: float = CLOSE_S,
    name: str = "redis-client",
    timeout: float | None = 2 * CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `close`, that waits until no connection is in use and closes client and pool.

    A command that still blocks then, `BLPOP` or a subscription, is cut: its connection is closed under it.

    Args:

        client: A `redis.Redis` or a `redis.asyncio.Redis`.

        wait: The longest wait for connections in use, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`. It raises `LeftBehind` when a connection was cut.
    """
    call = _closing_async(client, wait, name) if hasattr(client, "aclose") else _closing(client, wait, name)
    return step(name, call, "close", timeout, after, needs)


def _in_use(client: Any) -> int:
    # A cluster has a pool for each node and counts nothing; then nothing is waited for.
    return len(getattr(getattr(client, "connection_pool", None), "_in_use_connections", ()))


def _closing(client: Any, wait: float, name: str) -> Any:
    def close(ctx: Context) -> None:
        left = settle(lambda: _in_use(client), ctx, share(ctx, wait))
        client.close()
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            # A pool that was handed to the client is not closed by it.
            pool.disconnect()
        _refuse(left, name)

    return close


def _closing_async(client: Any, wait: float, name: str) -> Any:
    async def close(ctx: Context) -> None:
        left = await settle_async(lambda: _in_use(client), ctx, share(ctx, wait))
        await client.aclose()
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            await pool.disconnect()
        _refuse(left, name)

    return close


def _refuse(left: int, name: str) -> None:
    if left:
        text = f"cut {counted(left, 'connection')} of {name} in use"
        raise LeftBehind(f"{text}; end what blocks on Redis in an earlier phase, or give a longer wait=")
