"""The same program in an Ender; the worker starts disarmed, with the signals as the Ender found them."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("fork", grace=GRACE)
ender.add(release, phase="release", importance="must")


async def main():
    """Fork, and wait for the end."""
    child = os.fork()
    if child == 0:
        while True:
            time.sleep(3600)
    mark("child", str(child))
    mark("ready")
    await asyncio.sleep(3600)


sys.exit(ender.run(main))
