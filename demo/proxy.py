"""The client's side: takes turns over the replicas it knows of and counts what becomes of each request."""

from __future__ import annotations

import asyncio
import time

from .balancer import Balancer
from .client import Pool, RequestError
from .results import Result

STREAMED = 5
"""Every fifth answer is asked for as a stream."""


class Proxy:
    """What stands before the replicas."""

    def __init__(self, result: Result) -> None:
        """Count into *result*."""
        self._result = result
        self._balancer = Balancer()
        self._pools: dict[str, Pool] = {}
        self._changed = asyncio.Event()
        self._ended = False
        self.left: dict[str, float] = {}
        """When each replica was taken off the list, seconds since 1970."""

    def meet(self, name: str, port: int) -> None:
        """Learn where the replica *name* listens."""
        self._pools[name] = Pool(port)

    def apply(self, name: str, *, ready: bool) -> None:
        """Take one change of the endpoint list."""
        self._balancer.apply(name, ready=ready)
        if not ready:
            self.left[name] = time.time()
            self._pools[name].close()
        self._changed.set()

    async def listed(self, name: str, *, ready: bool) -> None:
        """Wait until the replica *name* is on the list, or off it."""
        while (name in self._balancer.names) != ready:
            self._changed.clear()
            await self._changed.wait()

    async def made(self, requests: int) -> None:
        """Wait until so many *requests* were made."""
        while self._result.requests < requests:
            await asyncio.sleep(0.05)

    def last_answer(self, name: str) -> float:
        """Return when the last good answer of the replica *name* ended, seconds since 1970."""
        return self._pools[name].last_answer

    async def request(self) -> None:
        """Make one request and count it; a failed one is not repeated."""
        self._result.requests += 1
        path = "/data" if self._result.requests % STREAMED else "/stream"
        started = time.monotonic()
        try:
            await self._get(path)
        except RequestError as error:
            self._result.failures[error.kind] += 1
        else:
            self._result.latencies.append(time.monotonic() - started)

    async def _get(self, path: str) -> None:
        name = self._balancer.pick()
        if name is None:
            raise RequestError("no replica")
        await self._pools[name].get(path)

    async def load(self, rate: float) -> None:
        """Make *rate* requests per second, none waiting for another, until `end`; return after the last."""
        now = asyncio.get_running_loop().time
        begin, made = now(), 0
        async with asyncio.TaskGroup() as requests:
            while not self._ended:
                while made < (now() - begin) * rate:
                    requests.create_task(self.request())
                    made += 1
                await asyncio.sleep(1 / rate)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()

    def end(self) -> None:
        """Let `load` make no further request."""
        self._ended = True
