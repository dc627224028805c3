"""A kstlib program with an async callback, on an event loop."""

from __future__ import annotations

import asyncio

from kstlib.resilience import GracefulShutdown
from marks import mark, release


async def close():
    """Clean up."""
    await asyncio.sleep(0.1)
    release()


async def main():
    """Wait for the end."""
    async with GracefulShutdown(timeout=1) as shutdown:
        shutdown.register("close", close)
        mark("ready")
        await shutdown.await_shutdown()


asyncio.run(main())
