"""The service that is restarted: a bare ASGI application that takes 5 to 60 ms and streams on `/stream`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SHORTEST, LONGEST = 0.005, 0.060
"""How long an answer takes, seconds."""
CHUNKS = 4
"""How many pieces a streamed answer has."""


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request, or follow the server's life."""
    if scope["type"] == "lifespan":
        await follow_lifespan(receive, send)
    elif scope["path"] == "/readyz":
        await answer(send, [b"ready\n"])
    else:
        takes = random.uniform(SHORTEST, LONGEST)
        await answer(send, [b"data\n"] * (CHUNKS if scope["path"] == "/stream" else 1), takes)


async def answer(send: Send, pieces: list[bytes], takes: float = 0.0) -> None:
    """Send *pieces* spread over *takes* seconds; more than one makes a chunked answer."""
    headers = [(b"content-type", b"text/plain")]
    if len(pieces) == 1:
        headers.append((b"content-length", str(len(pieces[0])).encode()))
        await asyncio.sleep(takes)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number, piece in enumerate(pieces, start=1):
        if len(pieces) > 1:
            await asyncio.sleep(takes / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})


async def follow_lifespan(receive: Receive, send: Send) -> None:
    """Say yes to the start and to the end."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
