"""The client session of aiohttp at the end: closed when no request is under way any more, or in time."""

from __future__ import annotations

from collections.abc import Sequence

from ...closing import CLOSE_S, LeftBehind, counted, settle_async, share, step
from ...core.handler import Handler
from ...hints import Any
from ...ports import Context


def close_client(
    session: Any,
    *,
    wait: float = CLOSE_S,
    name: str = "aiohttp-client",
    timeout: float | None = 2 * CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `close`, that waits until no connection is in use and closes the session.

    Args:

        session: A `ClientSession`; its connector is closed with it, unless it was made with `connector_owner=False`.

        wait: The longest wait for requests under way, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`. It raises `LeftBehind` when a request was cut.
    """

    async def close(ctx: Context) -> None:
        # Of a connector of another make nothing is known; then nothing is waited for.
        left = await settle_async(lambda: len(getattr(session.connector, "_acquired", ())), ctx, share(ctx, wait))
        await session.close()
        if left:
            text = f"cut {counted(left, 'connection')} of {name} in use"
            raise LeftBehind(f"{text}; end what sends requests in an earlier phase, or give a longer wait=")

    return step(name, close, "close", timeout, after, needs)
