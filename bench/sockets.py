"""
Websockets of clients that know two addresses and connect again when one is closed; each message is acknowledged.

A message without an acknowledgement is sent again on the next connection. A client that was closed goes to the other
address first, as everybody does whom one has just sent away.
"""

from __future__ import annotations

import asyncio
from collections import Counter

CLIENTS = 40
PAUSE_S = 0.01
LATE_S = 15.0


class Clients:
    """The clients."""

    def __init__(self, ports: list[int]) -> None:
        """Connect to the servers at *ports*."""
        self._ports = ports
        self.connected: Counter[int] = Counter()
        """How often somebody has connected to each port."""
        self.acknowledged: set[str] = set()
        self.closed: Counter[str] = Counter()
        """How each connection was closed."""
        self.nowhere = 0
        """How often neither of the two was there."""

    async def run(self, over: asyncio.Event) -> None:
        """Send until *over*."""
        await asyncio.gather(*(self._client(number, over) for number in range(CLIENTS)))

    async def _client(self, number: int, over: asyncio.Event) -> None:
        from websockets.exceptions import ConnectionClosed

        sent, where = 0, number
        while not over.is_set():
            connection, where = await self._connect(where)
            try:
                while not over.is_set():
                    text = f"{number}-{sent}"
                    await connection.send(text)
                    assert text == await asyncio.wait_for(connection.recv(), LATE_S)
                    self.acknowledged.add(text)
                    sent += 1
                    await asyncio.sleep(PAUSE_S)
                await connection.close()
            except ConnectionClosed as error:
                self.closed[str(error.rcvd.code) if error.rcvd else "1006"] += 1
                where += 1

    async def _connect(self, where: int) -> tuple[object, int]:
        from websockets.asyncio.client import connect

        for attempt in range(int(LATE_S / PAUSE_S)):
            port = self._ports[(where + attempt) % 2]
            try:
                connection = await connect(f"ws://127.0.0.1:{port}/", compression=None)
            except (OSError, EOFError):
                connection = None
            if connection is not None:
                self.connected[port] += 1
                return connection, where + attempt
            self.nowhere += attempt == 1
            await asyncio.sleep(PAUSE_S * attempt)
        raise RuntimeError("no server was found")
