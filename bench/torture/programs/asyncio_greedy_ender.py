"""The same program, run by an Ender."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("asyncio-greedy", grace=GRACE)
ender.add(release, phase="release", importance="must")


async def greedy():
    """Work, whatever comes."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def main():
    """Wait for all work."""
    task = asyncio.create_task(greedy())
    mark("ready")
    await task


sys.exit(ender.run(main))
