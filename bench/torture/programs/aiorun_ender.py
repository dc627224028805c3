"""The same program with an Ender inside; aiorun keeps its loop and its executor."""

from __future__ import annotations

import asyncio
import time

from aiorun import run
from marks import GRACE, mark, release

from processender import Ender

ender = Ender("aiorun", grace=GRACE)
ender.add(release, phase="release", importance="must")


async def main():
    """Work until cancelled."""
    async with ender:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
        mark("ready")
        try:
            await asyncio.sleep(3600)
        finally:
            mark("finally")


run(main(), timeout_task_shutdown=1)
