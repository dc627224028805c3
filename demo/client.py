"""
Keep-alive HTTP/1.1 connections to one replica, as a reverse proxy holds them; and the readiness probe.

A request that fails has failed: nothing here repeats one. What a real proxy does is done: a connection that
the other side closed while it was idle is not used again, nor one that was idle for longer than `IDLE_LIMIT`
(less than uvicorn's five seconds), and all idle ones are closed when the replica leaves the list.
"""

from __future__ import annotations

import asyncio
import time

HOST = "127.0.0.1"
OK = 200
IDLE_LIMIT = 2.0
"""Seconds after which an idle connection is not used again, because the server may be about to close it."""
REQUEST_TIMEOUT = 5.0
"""The longest that a request may take, seconds."""
KINDS = ("refused", "reset", "cut short", "bad status", "timeout", "no replica")
"""How a request can fail: no connection, lost before or in the answer, not 200, too late, nobody there."""


class RequestError(Exception):
    """The request failed."""

    def __init__(self, kind: str) -> None:
        """Carry the *kind*, one of `KINDS`."""
        super().__init__(kind)
        self.kind = kind


class Connection:
    """One connection to a replica."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Only `Connection.open` makes one."""
        self._reader = reader
        self._writer = writer
        self.idle_since = time.monotonic()
        """When the last answer ended, monotonic seconds."""

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to *port*; raise `OSError`."""
        return cls(*await asyncio.open_connection(HOST, port))

    @property
    def usable(self) -> bool:
        """Whether it is open as far as this side can know."""
        fresh = time.monotonic() - self.idle_since < IDLE_LIMIT
        return fresh and not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        """Close it at once."""
        self._writer.close()

    async def exchange(self, path: str) -> bool:
        """Send one GET and read the whole answer; return whether the connection may be kept."""
        begun = False
        try:
            self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            begun = True
            status, headers = parse_head(head)
            await self._read_body(headers)
        except asyncio.IncompleteReadError as error:
            raise RequestError("cut short" if begun or error.partial else "reset") from error
        except OSError as error:
            raise RequestError("cut short" if begun else "reset") from error
        if status != OK:
            raise RequestError("bad status")
        self.idle_since = time.monotonic()
        return headers.get("connection", "").lower() != "close"

    async def _read_body(self, headers: dict[str, str]) -> None:
        if headers.get("transfer-encoding") != "chunked":
            await self._reader.readexactly(int(headers["content-length"]))
            return
        size = -1
        while size != 0:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            await self._reader.readexactly(size + 2)


class Pool:
    """All connections to one replica."""

    def __init__(self, port: int) -> None:
        """Connect to *port* when needed."""
        self._port = port
        self._idle: list[Connection] = []
        self._closed = False
        self.last_answer = 0.0
        """When the last answer ended, seconds since 1970."""

    async def get(self, path: str) -> None:
        """Make one request; raise `RequestError` when it fails."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await self._get(path)
        except TimeoutError as error:
            raise RequestError("timeout") from error

    async def _get(self, path: str) -> None:
        connection = await self._take()
        keep = False
        try:
            keep = await connection.exchange(path)
        finally:
            if keep and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()
        self.last_answer = time.time()

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        try:
            return await Connection.open(self._port)
        except OSError as error:
            raise RequestError("reset" if isinstance(error, ConnectionResetError) else "refused") from error

    def close(self) -> None:
        """Close what is idle now, and each other connection when its answer has ended."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return the status and the headers, their names in lower case."""
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def is_ready(port: int, limit: float = 1.0) -> bool:
    """Ask `/readyz` on *port* over a connection of its own; anything but 200 within *limit* seconds is no."""
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET /readyz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                status, _ = parse_head(await reader.readuntil(b"\r\n\r\n"))
            finally:
                writer.close()
    except (OSError, EOFError, ValueError):
        return False
    return status == OK
