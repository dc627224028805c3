"""The same service on hypercorn: its shutdown trigger is set by a handler."""

from __future__ import annotations

import asyncio

import asgi_app
from hypercorn.asyncio import serve
from hypercorn.config import Config
from marks import GRACE, PORT, release

from processender import Ender

ender = Ender("hypercorn", grace=GRACE)
asgi_app.at_end.clear()
ender.add(release, phase="release", importance="must")


async def main():
    """Serve until the end."""
    config = Config()
    config.bind, config.graceful_timeout = [f"127.0.0.1:{PORT}"], 1
    stop = asyncio.Event()

    async with ender:
        serving = asyncio.create_task(serve(asgi_app.app, config, shutdown_trigger=stop.wait))

        @ender.handler(phase="quiesce", timeout=GRACE / 2)
        async def stop_server():
            stop.set()
            await asyncio.wait([serving])

        await asyncio.wait([serving])


asyncio.run(main())
