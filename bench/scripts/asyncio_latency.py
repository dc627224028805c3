"""The same program with asyncio's own signal handler."""

import asyncio
import os
import signal
import sys
import time


def first():
    os.write(1, b"%d\n" % time.monotonic_ns())
    os._exit(0)


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, first)
    print("ready", flush=True)
    if sys.argv[1] == "idle":
        await asyncio.sleep(5)
    elif sys.argv[1] == "blocked":
        time.sleep(5)
        await asyncio.sleep(1)
    else:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            sum(range(50))
        await asyncio.sleep(1)


asyncio.run(main())
