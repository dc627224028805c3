"""`asyncio.run` with one task that swallows its cancellation."""

from __future__ import annotations

import asyncio
import contextlib

from common import GRACE, LIBRARY, critical, mark

from processender import Ender


async def stubborn() -> None:
    """Go on whatever happens."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def body() -> None:
    """Work, beside the stubborn task."""
    task = asyncio.create_task(stubborn())
    ready()
    await asyncio.sleep(3600)
    await task


async def plain() -> None:
    """Rely on `finally` in an outer layer, which stands after the stubborn task."""
    await body()


async def library() -> None:
    """Say it to an Ender."""
    ender = Ender("torture", grace=GRACE)
    ender.add(critical, phase="release", importance="must")
    async with ender:
        await body()


asyncio.run(library() if LIBRARY else plain())
if not LIBRARY:
    critical()
