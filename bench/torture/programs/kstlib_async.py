"""kstlib: an async callback while an event loop runs."""

from __future__ import annotations

import asyncio

from common import GRACE, LIBRARY, critical, mark

from processender import Ender


async def close() -> None:
    """Clean up as a coroutine."""
    await asyncio.sleep(0.1)
    critical()


async def plain() -> None:
    """Register it, and wait for the end."""
    from kstlib.resilience.shutdown import GracefulShutdown

    async with GracefulShutdown(timeout=1) as shutdown:
        shutdown.register("close", close)
        ready()
        await shutdown.await_shutdown()


async def library() -> None:
    """Register it with an Ender in its stead."""
    ender = Ender("torture", grace=GRACE)
    ender.add(close, name="critical", phase="release", importance="must")
    async with ender:
        ready()
        await asyncio.sleep(3600)


asyncio.run(library() if LIBRARY else plain())
