"""
Order by name and by phase: what must come first is said, everything else runs at the same time.

`after` orders whatever became of the other; `needs` also demands that it went well. Here the flush fails, so the
commit that needs it is skipped, and the close that only comes after it runs all the same.
"""

# exits: 0

from __future__ import annotations

import asyncio

from processender import Ender

ender = Ender("order", grace=10)


@ender.handler(phase="quiesce")
async def stop_consumer():
    print("1. no new messages")


@ender.handler(phase="flush")
async def flush_index():
    print("2. the index is flushed")


@ender.handler(phase="flush", after=["flush-index"])
async def flush_orders():
    print("3. the orders cannot be flushed")
    raise ValueError("the broker says no")


@ender.handler(phase="commit", needs=["flush-orders"])
async def commit_offsets():
    print("never: what was not flushed must not be committed")


@ender.handler(phase="close", after=["commit-offsets"])
async def close_connection():
    print("4. the connection is closed")


async def main():
    for step in ender.plan().in_order():
        print(f"planned: {step.phase:8} {step.handler}")
    async with ender:
        pass  # leaving the block runs the plan too
    for handler in ender.report["handlers"]:
        print(f"{handler['outcome']:8} {handler['name']:17} {handler['reason']}")


asyncio.run(main())
