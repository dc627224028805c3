"""
One run: a steady load on two replicas while each is replaced, one after the other, twice.

A replica is replaced as a careful rollout does it: SIGTERM, wait until the process is gone, start the next,
go on when the client knows of it. So whatever fails, fails because of how the old one ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from .balancer import Endpoints
from .client import is_ready
from .proxy import Proxy
from .replica import Replica
from .results import Result, Scenario, Setting

REPLICAS = 2
ROUNDS = 2
"""How often each replica is replaced in a run."""
POLL = 0.1
"""Seconds between two readiness probes of a replica."""


class Fleet:
    """The replicas of one run, each probed from its start to its end."""

    def __init__(self, setting: Setting, scenario: Scenario, folder: Path, proxy: Proxy) -> None:
        """Keep logs and state in *folder*; tell *proxy* of every change, late."""
        self._setting = setting
        self._folder = folder
        self._proxy = proxy
        self._endpoints = Endpoints(setting.propagation)
        self._replicas: list[Replica] = []
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._started = 0
        self._agent: list[str] | None = None
        if scenario.drain_delay is not None:
            self._agent = ["--grace", f"{setting.grace}s", "--drain-delay", f"{scenario.drain_delay}s"]

    async def start(self) -> None:
        """Start one more replica and wait until the client knows of it."""
        self._started += 1
        replica = Replica(f"replica-{self._started}", self._folder, self._agent)
        self._replicas.append(replica)
        self._proxy.meet(replica.name, replica.port)
        await replica.start()
        self._probes[replica.name] = asyncio.create_task(self._probe(replica))
        await self._proxy.listed(replica.name, ready=True)

    async def replace(self, result: Result) -> None:
        """End the oldest replica, note how it went, and start another in its place."""
        old = self._replicas[0]
        code = await old.stop(self._limit)
        gone = time.time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.start())
            await self._proxy.listed(old.name, ready=False)
        result.report = old.report
        result.seen = {
            "SIGTERM sent": old.told,
            "off the client's list": self._proxy.left[old.name],
            "last good answer": self._proxy.last_answer(old.name),
            "process gone": gone,
        }
        result.exits.append(code)
        self._replicas.remove(old)
        self._probes.pop(old.name).cancel()

    async def close(self) -> None:
        """End all that runs, at the same time."""
        for probe in self._probes.values():
            probe.cancel()
        await asyncio.gather(*self._probes.values(), return_exceptions=True)
        await asyncio.gather(*(replica.stop(self._limit) for replica in self._replicas))

    @property
    def _limit(self) -> float:
        return self._setting.grace + 2.0

    async def _probe(self, replica: Replica) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._endpoints.observe(loop.time(), replica.name, ready=await is_ready(replica.probe_port)):
                loop.call_later(self._setting.propagation + 0.001, self._hand_over)
            await asyncio.sleep(POLL)

    def _hand_over(self) -> None:
        for name, ready in self._endpoints.arrived(asyncio.get_running_loop().time()):
            self._proxy.apply(name, ready=ready)


Tell = Callable[[Result], None]
"""Hears of the progress."""


async def measure(setting: Setting, scenario: Scenario, folder: Path, tell: Tell) -> Result:
    """Make one run; keep logs and state in *folder* and call *tell* with what is known so far."""
    result = Result(scenario)
    proxy = Proxy(result)
    fleet = Fleet(setting, scenario, folder, proxy)
    try:
        await asyncio.gather(*(fleet.start() for _ in range(REPLICAS)))
        async with asyncio.TaskGroup() as tasks:
            load = tasks.create_task(proxy.load(setting.rate))
            for number in range(1, ROUNDS * REPLICAS + 1):
                await fleet.replace(result)
                tell(result)
                # The next one no earlier than its share of the requests, so that all runs are alike.
                await proxy.made(round(setting.requests * number / (ROUNDS * REPLICAS)))
            proxy.end()
            await load
    finally:
        proxy.close()
        await fleet.close()
    return result
