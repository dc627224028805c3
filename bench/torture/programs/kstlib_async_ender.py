"""The same with an async handler."""

from __future__ import annotations

import asyncio
import sys

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("kstlib-async", grace=GRACE)


@ender.handler(importance="must")
async def close():
    """Clean up."""
    await asyncio.sleep(0.1)
    release()


async def main():
    """Wait for the end."""
    mark("ready")
    await asyncio.sleep(3600)


sys.exit(ender.run(main))
