"""
Time limits and retries: a failed step is repeated while there is time; a stuck one is named and left behind.

`timeout` holds for all attempts together, `attempt_timeout` for one. Only errors that may pass are repeated: OSError,
TimeoutError and Transient, unless the retry policy names others.
"""

# exits: 0

from __future__ import annotations

import asyncio

from processender import Ender, Retry, Transient

ender = Ender("retries", grace=10)


@ender.handler(phase="flush", importance="must", timeout=5, retry=Retry(attempts=4, initial=0.05))
async def upload(ctx):
    print(f"upload, attempt {ctx.attempt}, key {ctx.idempotency_key.partition('/')[2]}")
    if ctx.attempt < 3:
        raise Transient("503 from the store")


@ender.handler(phase="flush", attempt_timeout=0.2, retry=Retry(attempts=2, initial=0.05))
async def ask_leader(ctx):
    print(f"ask the leader, attempt {ctx.attempt}")
    if ctx.attempt == 1:
        await asyncio.sleep(60)  # the first attempt is cut short, the second one is quick


@ender.handler(timeout=0.3)
async def hang():
    await asyncio.sleep(60)


async def main():
    async with ender:
        pass
    for handler in ender.report["handlers"]:
        print(f"{handler['name']:10} {handler['outcome']:9} attempts: {handler['attempts']}")
    for stuck in ender.report["stuck"]:
        print(f"stuck: {stuck['handler']}\n  " + "\n  ".join(stuck["stack"]))


asyncio.run(main())
