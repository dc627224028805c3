"""The program of every tutorial: asyncio.run, and the clean-up in a finally."""

from __future__ import annotations

import asyncio

from marks import mark, release


async def main():
    """Work until cancelled."""
    mark("ready")
    try:
        await asyncio.sleep(3600)
    finally:
        release()


asyncio.run(main())
