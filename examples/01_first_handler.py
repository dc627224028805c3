"""
A first handler: it runs when the process is told to end, whoever tells it.

Press Ctrl-C, or send SIGTERM from another terminal.
"""

# send: TERM after ready
# exits: 0

from __future__ import annotations

import asyncio

from processender import Ender

ender = Ender("first", grace=10)


@ender.handler
async def say_goodbye(ctx):
    print(f"goodbye: {ctx.cause}, {ctx.remaining():.0f} s left for this step")


async def main():
    async with ender:
        print("ready", flush=True)
        await asyncio.sleep(3600)  # cut short by the end


asyncio.run(main())
