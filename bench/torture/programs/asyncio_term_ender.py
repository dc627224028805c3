"""The same program, run by an Ender."""

from __future__ import annotations

import asyncio
import sys

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("asyncio-term", grace=GRACE)
ender.add(release, phase="release", importance="must")


async def main():
    """Work until cancelled."""
    mark("ready")
    try:
        await asyncio.sleep(3600)
    finally:
        mark("finally")


sys.exit(ender.run(main))
