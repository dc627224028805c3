"""
Work in progress: the end waits for what is being done, and names what it waits for.

`ender.inflight("what")` counts a block; a handler of the name `inflight` in the phase `quiesce` waits until none is
left. New work is refused by looking at `ender.stopping`.
"""

# send: TERM after ready
# exits: 0

from __future__ import annotations

import asyncio

from processender import Ender

ender = Ender("inflight", grace=10)


async def serve(job):
    async with ender.inflight(f"job {job}"):
        await asyncio.sleep(0.5)
        print(f"job {job} is done")


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed, after the last job")


async def main():
    jobs = []
    async with ender:
        for job in range(1, 4):
            jobs.append(asyncio.create_task(serve(job)))
            await asyncio.sleep(0.1)
        print("ready", flush=True)
        while not ender.stopping.is_set():
            await asyncio.sleep(0.05)


asyncio.run(main())
