"""The cost of the engine: a large graph against its critical path, and many handlers against a task group."""

from __future__ import annotations

import asyncio
import random
import statistics
import time

from processender import Ender

from .figures import Figure
from .programs import state_directory

LAYERS, WIDTH = 20, 50


async def noop() -> None:
    """Do nothing."""


async def graph(seed: int, state: str) -> float:
    """Run 1,000 sleeps in a random graph of 20 layers; return the wall time over that of the critical path."""
    chance = random.Random(seed)
    ender = Ender("graph", grace=120, observers=(), state=state)
    finish: dict[str, float] = {}
    above: list[str] = []
    for layer in range(LAYERS):
        names = [f"{layer}-{number}" for number in range(WIDTH)]
        for name in names:
            seconds = chance.uniform(0.001, 0.05)
            after = chance.sample(above, 3) if above else []
            finish[name] = max((finish[earlier] for earlier in after), default=0.0) + seconds

            async def sleep(seconds: float = seconds) -> None:
                await asyncio.sleep(seconds)

            ender.add(sleep, name=name, after=after)
        above = names
    async with ender:
        began = time.perf_counter()
    assert ender.report["verdict"] == "clean"
    return (time.perf_counter() - began) / max(finish.values())


async def ours(count: int, state: str) -> float:
    """Return the microseconds for each of *count* handlers that do nothing, from leaving the body to being out."""
    ender = Ender("noop", grace=60, observers=(), state=state)
    for number in range(count):
        ender.add(noop, name=f"h{number}")
    async with ender:
        began = time.perf_counter()
    seconds = time.perf_counter() - began
    assert ender.report["verdict"] == "clean"
    return seconds / count * 1e6


async def theirs(count: int) -> float:
    """Return the microseconds for each of *count* tasks of a task group, each under a timeout of its own."""

    async def one() -> None:
        async with asyncio.timeout(60):
            await noop()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    return (time.perf_counter() - began) / count * 1e6


def measure() -> list[Figure]:
    """Measure both."""
    with state_directory() as state:
        ratios = [asyncio.run(graph(seed, state)) for seed in range(5)]
        figures = [
            Figure("1,000 handlers in 20 layers, wall / critical path", statistics.median(ratios), "", bar=1.05,
                   beside=f"worst of 5 graphs {max(ratios):.3f}")
        ]  # fmt: skip
        each = {}
        for count in (100, 1_000, 10_000):
            pairs = [(asyncio.run(ours(count, state)), asyncio.run(theirs(count))) for _ in range(7)]
            us, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
            each[count] = us
            bar = 5.0 if count == 10_000 else None
            figures.append(Figure(f"{count:,} no-op handlers, time each / task group", us / peer, "", bar=bar,
                                  beside=f"{us:.1f} us each; TaskGroup + timeout {peer:.1f} us"))  # fmt: skip
    growth = each[10_000] / each[1_000]
    figures.append(Figure("time each at 10,000 / at 1,000", growth, "", bar=1.5, beside="1 is linear growth"))
    return figures
