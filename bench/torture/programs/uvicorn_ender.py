"""The same service: the Ender is the outermost, and uvicorn's stop is one of its handlers."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import asgi_app
import uvicorn
from marks import GRACE, PORT, release

from processender import Ender

ender = Ender("uvicorn", grace=GRACE)
asgi_app.at_end.clear()
ender.add(release, phase="release", importance="must")


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: it is told by a handler when to stop."""

    @contextlib.contextmanager
    def capture_signals(self):
        """Leave the signals to the Ender."""
        yield


async def main():
    """Serve until the end."""
    server = Server(uvicorn.Config(asgi_app.app, port=PORT, log_level="warning", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())

    @ender.handler(phase="quiesce", timeout=GRACE / 2)
    async def stop_server():
        server.should_exit = True
        await asyncio.wait([serving])

    # Entered when the server has started, so that nothing that started with it takes the signals from us.
    while not server.started:
        await asyncio.sleep(0.01)
    async with ender:
        await asyncio.wait([serving])


asyncio.run(main())
sys.exit(0)
