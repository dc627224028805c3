"""A small ASGI service. TORTURE_APP says what is wrong with it: `hang` in its clean-up, `steal` in its start."""

from __future__ import annotations

import asyncio
import os
import signal

from marks import mark, release

FAULT = os.environ.get("TORTURE_APP", "")
at_end = [release]
"""The critical clean-up, behind the clean-up that hangs."""


async def app(scope, receive, send):
    """Serve the lifespan, /stream which never ends, and everything else."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"] == "/stream":
        await stream(send)
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


async def lifespan(receive, send):
    """Start, wait for the end, clean up."""
    await receive()
    if FAULT == "steal":
        # As restatedev/sdk-python#226: some library wants to know of the end, too.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    await send({"type": "lifespan.startup.complete"})
    try:
        await receive()
        if FAULT == "hang":
            await asyncio.sleep(3600)
    finally:
        for function in at_end:
            function()
    await send({"type": "lifespan.shutdown.complete"})


async def stream(send):
    """Send something now and then, for ever."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    mark("busy")
    while True:
        await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
        await asyncio.sleep(0.2)
