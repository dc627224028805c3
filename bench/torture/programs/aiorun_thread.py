"""aiorun with a thread that is stuck in the executor."""

from __future__ import annotations

import asyncio

import aiorun
from common import GRACE, LIBRARY, critical, hang, mark

from processender import Ender


async def body() -> None:
    """Call something that never comes back."""
    stuck = asyncio.get_running_loop().run_in_executor(None, hang)
    ready()
    await stuck


async def library() -> None:
    """Say it to an Ender, and let aiorun go when it has ended."""
    ender = Ender("torture", grace=GRACE, displaced="never")
    ender.add(critical, phase="release", importance="must")
    async with ender:
        await body()
    asyncio.get_running_loop().stop()


if LIBRARY:
    aiorun.run(library(), timeout_task_shutdown=1)
else:
    aiorun.run(body(), timeout_task_shutdown=1)
    critical()
