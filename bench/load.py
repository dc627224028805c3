"""
A stream of HTTP requests of mixed kinds at one address, as many clients would send them; each that fails is told.

Nothing is repeated, with one exception that every client makes (RFC 9110 section 9.2.2): a GET on a connection that was
kept, which the other side closed before a byte of the answer came, is sent again once on a new one, and counted. What
is lost behind a balancer never looks like that: the balancer answers with a status of its own.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque

HOST = "127.0.0.1"
BODY = b"x" * 16384
CHUNKS = 10
"""How many chunks a streamed answer has."""
TIMEOUT_S = 15.0
"""The longest that a request may take; the longest of the kinds takes two seconds."""
IDLE_S = 1.0
KINDS = {"kept": 50, "new": 30, "post": 10, "stream": 7, "slow": 3}
"""The kinds of requests, each with its share in a hundred."""


class Failure(Exception):
    """A request that failed, and how."""


class Stale(Exception):
    """A kept connection that was closed before the answer began."""


class Connection:
    """One HTTP/1.1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Only `connect` makes one."""
        self._reader, self._writer = reader, writer
        self.used = False
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether it is open as far as this side can know."""
        fresh = asyncio.get_running_loop().time() - self.idle_since < IDLE_S
        return fresh and not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        """Close it."""
        self._writer.close()

    async def exchange(self, method: str, path: str, body: bytes = b"", *, keep: bool = True) -> tuple[bytes, bool]:
        """Send a request; return the body of the answer and whether the connection may be kept."""
        again, self.used = self.used, True
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        head += f"Content-Length: {len(body)}\r\n" if body else ""
        head += "" if keep else "Connection: close\r\n"
        try:
            self._writer.write(head.encode() + b"\r\n" + body)
            said = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if again and not getattr(error, "partial", b""):
                raise Stale from error
            raise Failure("reset") from error
        first, *lines = said.decode("latin-1").strip().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        try:
            answer = await self._body(fields)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise Failure("cut short") from error
        status = first.split()[1]
        if status != "200":
            raise Failure(f"status {status}")
        self.idle_since = asyncio.get_running_loop().time()
        return answer, keep and fields.get("connection", "").lower() != "close"

    async def _body(self, fields: dict[str, str]) -> bytes:
        if "content-length" in fields:
            return await self._reader.readexactly(int(fields["content-length"]))
        if fields.get("transfer-encoding") != "chunked":
            raise ValueError("an answer without an end")
        found = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            found += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return found


class Load:
    """Requests at a steady rate until it is stopped."""

    def __init__(self, port: int, rate: float, seed: int = 1) -> None:
        """Send *rate* requests a second to *port*."""
        self._port = port
        self._rate = rate
        self._random = random.Random(seed)
        self._idle: deque[Connection] = deque()
        self.sent = 0
        self.resent = 0
        self.failed: Counter[str] = Counter()

    async def run(self, over: asyncio.Event) -> None:
        """Send until *over*; return when the last answer is there."""
        loop = asyncio.get_running_loop()
        began, tasks = loop.time(), set[asyncio.Task[None]]()
        kinds = self._random.choices(list(KINDS), list(KINDS.values()), k=4096)
        while not over.is_set():
            due = int((loop.time() - began) * self._rate)
            while self.sent < due:
                task = asyncio.create_task(self._one(kinds[self.sent % len(kinds)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                self.sent += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)
        while self._idle:
            self._idle.pop().close()

    async def _one(self, kind: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await (self._kept() if kind == "kept" else self._fresh(kind))
        except Failure as failure:
            self.failed[f"{kind}: {failure}"] += 1
        except TimeoutError:
            self.failed[f"{kind}: timeout"] += 1

    async def _kept(self) -> None:
        while self._idle and not self._idle[-1].usable:
            self._idle.pop().close()
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            answer, keep = await connection.exchange("GET", "/")
        except Stale:
            connection.close()
            self.resent += 1
            connection = await self._connect()
            answer, keep = await connection.exchange("GET", "/")
        except Failure:
            connection.close()
            raise
        _check(answer, b"hello")
        self._idle.append(connection) if keep else connection.close()

    async def _fresh(self, kind: str) -> None:
        connection = await self._connect()
        try:
            if kind == "post":
                answer, _ = await connection.exchange("POST", "/echo", BODY, keep=False)
                _check(answer, str(len(BODY)).encode())
            else:
                path, wanted = {
                    "new": ("/", b"hello"),
                    "slow": ("/slow", b"slow"),
                    "stream": ("/stream", b"." * CHUNKS),
                }[kind]
                answer, _ = await connection.exchange("GET", path, keep=False)
                _check(answer, wanted)
        finally:
            connection.close()

    async def _connect(self) -> Connection:
        try:
            return Connection(*await asyncio.open_connection(HOST, self._port))
        except OSError as error:
            raise Failure("refused") from error


def _check(answer: bytes, wanted: bytes) -> None:
    if answer != wanted:
        raise Failure("wrong answer")
