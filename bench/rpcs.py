"""
RPCs of clients that balance by themselves over two addresses, as many would make them; each that fails is told.

They check the health of both with a watch, as a service config asks them to, and repeat nothing, not even what gRPC
would repeat by itself.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Mapping

import grpc

WORKERS = {"0": 12, "0.2": 8}
"""How many make one unary RPC after the other, each of them taking so many seconds in its handler."""
COUNTERS = 8
"""How many read one stream of ten messages after the other."""
FOLLOWERS = 4
"""How many read a stream that never ends by itself."""
MESSAGES = 10
LATE_S = 15.0
CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}})
OPTIONS = [
    ("grpc.enable_retries", 0),
    ("grpc.service_config", CONFIG),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
    ("grpc.use_local_subchannel_pool", 1),
]


class Calls:
    """The clients. With *probes* they also go only to those addresses whose readiness passes, as name resolution tells."""

    def __init__(self, ports: list[int], probes: Mapping[int, int]) -> None:
        """Call the servers at *ports*; *probes* tells where each says whether it is ready."""
        self._ports = ports
        self._probes = probes
        self._old: set[asyncio.Task[None]] = set()
        self.answered: Counter[int] = Counter()
        """The answers of each process."""
        self.unary = 0
        self.failed: Counter[str] = Counter()
        self.streams: Counter[str] = Counter()
        """How each stream has ended."""

    async def run(self, over: asyncio.Event) -> None:
        """Call until *over*; return when the last answer is there."""
        self._go_to(self._ports)
        endless = [asyncio.create_task(each) for each in (self._resolve(), *(self._follow() for _ in range(FOLLOWERS)))]
        named = (self._name(seconds.encode(), over) for seconds, count in WORKERS.items() for _ in range(count))
        await asyncio.gather(*named, *(self._count(over) for _ in range(COUNTERS)))
        for each in (*endless, *self._old):
            each.cancel()
        await asyncio.gather(*endless, *self._old, return_exceptions=True)
        await self._channel.close()

    def _go_to(self, ports: list[int]) -> None:
        where = ",".join(f"127.0.0.1:{port}" for port in ports)
        self._channel = grpc.aio.insecure_channel(f"ipv4:{where}", options=OPTIONS)
        self._methods = {
            "Name": self._channel.unary_unary("/bench.Calls/Name"),
            "Count": self._channel.unary_stream("/bench.Calls/Count"),
            "Follow": self._channel.unary_stream("/bench.Calls/Follow"),
        }

    async def _resolve(self) -> None:
        known = self._ports
        while self._probes:
            ready = await asyncio.to_thread(lambda: [port for port in self._ports if _is_ready(self._probes[port])])
            if ready and ready != known:
                old, known = self._channel, ready
                self._go_to(ready)
                self._old.add(asyncio.create_task(old.close(LATE_S)))
            await asyncio.sleep(0.05)

    async def _name(self, seconds: bytes, over: asyncio.Event) -> None:
        while not over.is_set():
            self.unary += 1
            try:
                self.answered[int(await self._methods["Name"](seconds, timeout=LATE_S))] += 1
            except grpc.aio.AioRpcError as error:
                self.failed[_how(error)] += 1

    async def _count(self, over: asyncio.Event) -> None:
        while not over.is_set():
            self.streams[await self._listen("Count")] += 1

    async def _follow(self) -> None:
        while True:
            self.streams[await self._listen("Follow")] += 1

    async def _listen(self, method: str) -> str:
        seen = 0
        try:
            async for _ in self._methods[method](b""):
                seen += 1
        except grpc.aio.AioRpcError as error:
            return _how(error)
        return "OK" if seen == MESSAGES else f"OK after {seen} messages"


def _how(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}: {(error.details() or '').split(';')[0].split(' (')[0]}"


def _is_ready(probe: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{probe}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
