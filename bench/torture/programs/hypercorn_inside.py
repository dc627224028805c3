"""hypercorn inside an Ender: its own `shutdown_trigger` is what the handler pulls."""

from __future__ import annotations

import asyncio
import contextlib

from asgi import app
from common import GRACE, PORT, critical
from hypercorn.asyncio import serve
from hypercorn.config import Config

from processender import Ender


async def main() -> None:
    """Serve the application of `asgi.py` until the end."""
    config = Config()
    config.bind = [f"127.0.0.1:{PORT}"]
    config.graceful_timeout = 1
    asked = asyncio.Event()
    ender = Ender("torture", grace=GRACE)

    async def stop_server(ctx):
        asked.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(serving), ctx.remaining() * 0.8)

    ender.add(critical, phase="release", importance="must")
    async with ender:
        serving = asyncio.create_task(serve(app, config, shutdown_trigger=asked.wait))
        ender.add(stop_server, phase="quiesce", before=["body"])
        await serving


asyncio.run(main())
