"""An aiorun program with a thread that never comes back."""

from __future__ import annotations

import asyncio
import time

from aiorun import run
from marks import mark, release


async def main():
    """Work until cancelled."""
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    mark("ready")
    try:
        await asyncio.sleep(3600)
    finally:
        mark("finally")


run(main(), timeout_task_shutdown=1)
release()
