"""
Calls to others inside a handler: each with a deadline of its own, and a breaker for each dependency.

`ctx.call(dependency, function, timeout=)` never takes longer than the handler has left. When a dependency failed too
often just now it is not called for a while, whichever handler asks: `CircuitOpenError`, at once.
"""

# exits: 0

from __future__ import annotations

import asyncio

from processender import CircuitOpenError, Ender

ender = Ender("calls", grace=10)


async def deregister():
    await asyncio.sleep(0.01)
    return "gone"


async def slow_store():
    await asyncio.sleep(60)


@ender.handler(phase="drain")
async def leave_registry(ctx):
    print("registry:", await ctx.call("registry", deregister, timeout=1))


@ender.handler(phase="flush")
async def save_sessions(ctx):
    for session in range(1, 9):
        try:
            await ctx.call("store", slow_store, timeout=0.05)
        except TimeoutError:
            print(f"session {session}: the store did not answer in 50 ms")
        except CircuitOpenError:
            print(f"session {session}: not asked, the store is not well")


async def main():
    async with ender:
        pass


asyncio.run(main())
