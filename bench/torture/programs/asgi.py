"""The web application of the server cases: a stream that never ends, and a life with a clean-up."""

from __future__ import annotations

import asyncio
import signal

from common import HANG, LIBRARY, STEAL, critical, mark


async def app(scope, receive, send):
    """Follow the server's life, or answer without end."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    mark("request")
    while True:
        await send({"type": "http.response.body", "body": b"more\n", "more_body": True})
        await asyncio.sleep(0.1)


async def lifespan(receive, send):
    """Start, wait for the end, and clean up; with the library the critical part is a handler instead."""
    await receive()
    if STEAL:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    await send({"type": "lifespan.startup.complete"})
    ready()
    try:
        await receive()
        if HANG:
            await asyncio.sleep(3600)
        await send({"type": "lifespan.shutdown.complete"})
    finally:
        if not LIBRARY:
            critical()
