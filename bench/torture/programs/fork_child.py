"""An asyncio application forks; SIGTERM goes to the child only (under the agent: to the agent)."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from common import GRACE, LIBRARY, critical, mark

from processender import Ender


def fork() -> None:
    """Leave a child behind that works until a signal ends it."""
    child = os.fork()
    if child == 0:
        mark("target", str(os.getpid()))
        while True:
            time.sleep(0.05)
    ready()


async def plain() -> None:
    """Handle SIGTERM on the loop."""
    asked = asyncio.Event()

    def heard() -> None:
        mark("parent-heard")
        asked.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard)
    fork()
    await asked.wait()
    critical()


async def library() -> None:
    """Let an Ender handle it."""
    ender = Ender("torture", grace=GRACE)
    ender.add(lambda: mark("parent-heard"), name="heard", phase="drain")
    ender.add(critical, phase="release", importance="must")
    async with ender:
        fork()
        await asyncio.sleep(3600)


asyncio.run(library() if LIBRARY else plain())
