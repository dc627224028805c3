"""An asyncio program that hears TERM and has forked a worker."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from marks import mark, release


async def main():
    """Fork, and wait for the end."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    child = os.fork()
    if child == 0:
        while True:
            time.sleep(3600)
    mark("child", str(child))
    mark("ready")
    await stop.wait()
    release()


asyncio.run(main())
