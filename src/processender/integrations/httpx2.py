"""
Clients of httpx2 at the end, and of httpx, which has the same face: closed with their connections.

Takes over: Closing the client, in the phase `close`, when what uses it is finished.

Leaves: Waiting for requests: the client does not tell which are under way; count them with `ender.inflight`. What still
reads an answer gets an error of the client's.

Versions: httpx2 2, httpx 0.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..closing import CLOSE_S, step
from ..core.handler import Handler
from ..hints import Any
from ..ports import check_kind


def close_client(
    client: Any,
    *,
    name: str = "httpx2-client",
    timeout: float | None = CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """Return the handler, of the phase `close`, that closes *client*, a `Client` or an `AsyncClient`."""
    check_kind(client, ("is_closed", "send"), "a Client or an AsyncClient", "httpx2.close_client(client)")
    return step(name, getattr(client, "aclose", None) or client.close, "close", timeout, after, needs)


__all__ = ["close_client"]
