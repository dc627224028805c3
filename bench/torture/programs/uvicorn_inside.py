"""uvicorn inside an Ender: the server's own signal handling is off, its stop is a handler."""

from __future__ import annotations

import asyncio
import contextlib

import uvicorn
from common import GRACE, PORT, STEAL, critical

from processender import Ender


class Server(uvicorn.Server):
    """A server that leaves the signals to the Ender."""

    @contextlib.contextmanager
    def capture_signals(self):
        """Take nothing."""
        yield


async def serve(server: Server, ender: Ender, sockets=None) -> None:
    """Serve until the end; what the server does not finish in half of the time that is left is forced."""

    async def stop_server(ctx):
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(serving), ctx.remaining() / 2)
        server.force_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(serving), ctx.remaining() / 2)

    ender.add(critical, phase="release", importance="must")
    async with ender:
        serving = asyncio.create_task(server.serve(sockets))
        ender.add(stop_server, phase="quiesce", before=["body"])
        await serving


def main() -> None:
    """Run the application of `asgi.py`."""
    server = Server(uvicorn.Config("asgi:app", port=PORT, timeout_graceful_shutdown=1))
    ender = Ender("torture", grace=GRACE, theft="rearm" if STEAL else "report")
    asyncio.run(serve(server, ender))


if __name__ == "__main__":
    main()
