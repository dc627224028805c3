"""Clients of Redis at the end: closed when no command is under way any more, or in time."""

from __future__ import annotations

from collections.abc import Sequence

from ...closing import CLOSE_S, close_when_idle
from ...core.handler import Handler
from ...core.texts import counted
from ...hints import Any
from ...ports import Context, check_kind


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
    check_kind(client, ("close",), "a client of Redis", "redis.close_client(client)")

    def cut(left: int) -> str:
        return f"cut {counted(left, 'connection')} of {name} in use; end what blocks on Redis in an earlier phase"

    is_async = hasattr(client, "aclose")
    return close_when_idle(
        lambda: _in_use(client), _closing_async(client) if is_async else _closing(client), cut, is_async=is_async,
        wait=wait, name=name, timeout=timeout, after=after, needs=needs,
    )  # fmt: skip


def _in_use(client: Any) -> int:
    # A cluster has a pool for each node and counts nothing; then nothing is waited for.
    return len(getattr(getattr(client, "connection_pool", None), "_in_use_connections", ()))


def _closing(client: Any) -> Any:
    def close(_ctx: Context) -> None:
        client.close()
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            # A pool that was handed to the client is not closed by it.
            pool.disconnect()

    return close


def _closing_async(client: Any) -> Any:
    async def close(_ctx: Context) -> None:
        await client.aclose()
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            await pool.disconnect()

    return close
