"""An asyncio program with one task that takes every cancellation for a mistake."""

from __future__ import annotations

import asyncio
import contextlib

from marks import mark, release


async def greedy():
    """Work, whatever comes."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def main():
    """Wait for all work, then release."""
    task = asyncio.create_task(greedy())
    mark("ready")
    try:
        await task
    finally:
        release()


asyncio.run(main())
