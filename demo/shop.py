"""A service that does nothing but end, as a shop would: it leaves traffic, flushes, closes, and has bad days."""

from __future__ import annotations

import asyncio
import os
import random
import signal

from processender import Ender, Retry, Transient

CHANCE = random.Random(os.environ.get("SHOP_SEED", "0"))
"""What goes well and what does not is drawn from it; the same seed, the same day."""
SLOWER = float(os.environ.get("SHOP_SLOWER", "1"))
"""How many times longer the orders take in this version."""
CUT = os.environ.get("SHOP_CUT", "") == "yes"
"""Whether the machine is taken away while the orders are written."""

ender = Ender("shop", grace=12, exit="zero", observers=())


async def takes(least: float, most: float) -> None:
    """Take between *least* and *most* seconds, mostly little."""
    await asyncio.sleep(CHANCE.triangular(least, most, least + (most - least) * 0.2))


@ender.handler(phase="drain", timeout=4, importance="must")
async def leave_the_balancer() -> None:
    """Wait until nobody sends any more."""
    await takes(0.3, 0.9)


@ender.handler(phase="quiesce", timeout=3)
async def stop_the_consumer() -> None:
    """Take no more messages."""
    await takes(0.1, 0.4)


@ender.handler(phase="flush", timeout=4, importance="must", retry=Retry(attempts=4, initial=0.2))
async def flush_orders() -> None:
    """Write what is in memory; the database refuses now and then, and the machine may go first."""
    if CUT:
        os.kill(os.getpid(), signal.SIGKILL)
    await takes(0.2 * SLOWER, 0.9 * SLOWER)
    if CHANCE.random() < 0.15:
        raise Transient("the database is read only")


@ender.handler(phase="flush", timeout=1.5, importance="may")
async def upload_metrics() -> None:
    """Send what nobody will miss."""
    await takes(0.2, 0.8)
    if CHANCE.random() < 0.02:
        await asyncio.sleep(60)


@ender.handler(phase="flush", timeout=5)
async def write_a_snapshot() -> None:
    """Write what makes the next start quick."""
    await takes(0.3, 0.7)


@ender.handler(phase="commit", needs=["flush-orders"], timeout=3, importance="must")
async def commit_offsets() -> None:
    """Say that the messages are done, now that they are."""
    await takes(0.1, 0.3)


@ender.handler(phase="close", timeout=2)
async def close_postgres() -> None:
    """Give the connections back."""
    await takes(0.1, 0.5)


@ender.handler(phase="close", timeout=2)
async def close_redis() -> None:
    """And these."""
    await takes(0.02, 0.1)


@ender.handler(phase="release", timeout=2)
async def deregister() -> None:
    """Be found no more."""
    await takes(0.1, 0.3)


async def main() -> None:
    """Hear at once that the end has come: by SIGTERM, or from a spot market, which leaves little time."""
    async with ender:
        within = os.environ.get("SHOP_SPOT_S")
        if within:
            ender.stop("spot", within=float(within))
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main())
