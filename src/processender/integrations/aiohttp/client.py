"""The client session of aiohttp at the end: closed when no request is under way any more, or in time."""

from __future__ import annotations

from collections.abc import Sequence

from ...closing import CLOSE_S, close_when_idle
from ...core.handler import Handler
from ...core.texts import counted
from ...hints import Any
from ...ports import Context, check_kind


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
    check_kind(session, ("connector", "close"), "a ClientSession", "aiohttp.close_client(session)")

    async def close(_ctx: Context) -> None:
        await session.close()

    def cut(left: int) -> str:
        return f"cut {counted(left, 'connection')} of {name} in use; end what sends requests in an earlier phase"

    # Of a connector of another make nothing is known; then nothing is waited for.
    return close_when_idle(
        lambda: len(getattr(session.connector, "_acquired", ())), close, cut, is_async=True,
        wait=wait, name=name, timeout=timeout, after=after, needs=needs,
    )  # fmt: skip
