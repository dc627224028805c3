"""
Lanes and priority: what shares a resource takes turns, and what matters more goes first.

A lane is a named resource with a capacity: here two database connections for four steps. Inside a phase, steps of a
higher priority end before those of a lower one start; equals run at the same time.
"""

# exits: 0

from __future__ import annotations

import asyncio
from functools import partial

from processender import Ender

ender = Ender("lanes", grace=10, lanes={"db": 2})
saving = []


async def save(table):
    saving.append(table)
    print("saving", *saving)
    await asyncio.sleep(0.1)
    saving.remove(table)


@ender.handler(phase="flush", priority=10)
async def save_balance():
    await save("balance")


for name in ("orders", "carts", "visits"):
    ender.add(partial(save, name), name=name, phase="flush", lane="db")


@ender.handler(phase="flush", priority=-1, importance="may")
async def save_statistics():
    await save("statistics")


async def main():
    async with ender:
        pass


asyncio.run(main())
