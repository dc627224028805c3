"""A program that prints when its first sync handler starts. The argument says what its event loop does."""

import asyncio
import os
import sys
import time

from processender import Ender

ender = Ender("latency", grace=10, observers=())


@ender.handler(phase="drain")
def first():
    os.write(1, b"%d\n" % time.monotonic_ns())
    os._exit(0)


async def main():
    async with ender:
        print("ready", flush=True)
        if sys.argv[1] == "idle":
            await asyncio.sleep(5)
        elif sys.argv[1] == "blocked":
            time.sleep(5)
        else:
            until = time.monotonic() + 5
            while time.monotonic() < until:
                sum(range(50))


asyncio.run(main())
