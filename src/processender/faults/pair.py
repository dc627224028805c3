"""
One connection through a proxy: a socket to the client, one to the server, and two ways between them.

Nothing here waits: whoever looks after the selector tells what is ready and what time it is.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable

from .line import Line

NEVER = float("inf")
_MOST = 1 << 20
_PIECE = 1 << 16
_AT_ONCE = struct.pack("ii", 1, 0)
_NOT_YET = (BlockingIOError, InterruptedError)


class Way:
    """What is on its way from one side to the other."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        """Lead from *source* to *target*."""
        self.source = source
        self.target = target
        self.passed = 0
        """How many bytes have arrived."""
        self.read_all = False
        self.over = False
        self._coming: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._last = 0.0

    @property
    def reads(self) -> bool:
        """Whether it can take more."""
        return not self.read_all and self._size < _MOST

    def due(self) -> float:
        """Return when the next piece arrives."""
        return self._coming[0][0] if self._coming else NEVER

    def read(self, at: float, line: Line) -> None:
        """Take what the source says, which arrives at the instant *at* at the earliest; it never overtakes."""
        try:
            piece = self.source.recv(_PIECE)
        except _NOT_YET:
            return
        if not piece:
            self.read_all = True
            at += line.slow_close
        self._last = max(self._last, at)
        self._coming.append((self._last, piece))
        self._size += len(piece)

    def write(self, now: float, most: float) -> None:
        """Bring what has arrived to the target, *most* bytes at most."""
        while self._coming and self._coming[0][0] <= now and most > 0:
            due, piece = self._coming.popleft()
            if not piece:
                self.over = True
                with contextlib.suppress(OSError):
                    self.target.shutdown(socket.SHUT_WR)
                return
            part = piece if most >= len(piece) else piece[: int(most)]
            try:
                sent = self.target.send(part)
            except _NOT_YET:
                sent = 0
            self.passed += sent
            self._size -= sent
            most -= sent
            if sent < len(piece):
                self._coming.appendleft((due, piece[sent:]))
                return


class Pair:
    """One connection, from the client to the server."""

    def __init__(self, client: socket.socket, line: Line, chance: Callable[[], float]) -> None:
        """Take the *client*, on a *line* as it is now."""
        self.client = client
        self.server = socket.socket(client.family)
        self.ended = False
        """Whether it is over, and both sides are closed."""
        self._connected = False
        self._chance = chance
        self._up, self._down = Way(client, self.server), Way(self.server, client)
        # Who has gone is not who comes now.
        self._become(line.replace(state="open") if line.gone == "client" and not line.after else line)
        for each in (client, self.server):
            each.setblocking(False)
            with contextlib.suppress(OSError):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connect(self, address: tuple[object, ...]) -> None:
        """Begin to reach the server, unless the line does not let it through at all."""
        self._strike()
        if self.ended or self._silent:
            return
        code = self.server.connect_ex(address)
        if code not in {0, errno.EINPROGRESS}:
            self.abort()

    def become(self, line: Line) -> None:
        """Let the *line* be so from now on."""
        left = self._silent and self._line.state == "half-open"
        self._become(line)
        if left:
            # Who comes back knows of nothing, and says so.
            self.abort()

    def _become(self, line: Line) -> None:
        self._line = line
        self._silent = False
        self._struck = False
        self._begun = self._down.passed

    def step(self, now: float, ready: dict[socket.socket, int]) -> None:
        """Do what can be done *now*, with the sockets that are *ready*."""
        try:
            self._finish_connecting(ready.get(self.server, 0))
            self._strike()
            if self.ended or self._silent:
                return
            for way in (self._up, self._down):
                if ready.get(way.source, 0) & selectors.EVENT_READ and way.reads:
                    way.read(now + self._line.latency + self._line.jitter * self._chance(), self._line)
            if self._connected:
                self._up.write(now, NEVER)
            self._down.write(now, self._left())
            self._strike()
        except OSError:
            # One side has broken it, and the other is told as it would be.
            self.abort()
        if self._up.over and self._down.over:
            self.close()

    def wanted(self, now: float) -> dict[socket.socket, int]:
        """Return for what each socket is to be watched."""
        if self.ended or self._silent:
            return {self.client: 0, self.server: 0}
        found = {self.client: 0, self.server: 0}
        for way in (self._up, self._down):
            found[way.source] |= selectors.EVENT_READ if way.reads else 0
            found[way.target] |= selectors.EVENT_WRITE if way.due() <= now else 0
        if not self._connected:
            found[self.server] = selectors.EVENT_WRITE
        return found

    def due(self) -> float:
        """Return when something is to be done that no socket tells."""
        if self.ended or self._silent:
            return NEVER
        return min(self._up.due() if self._connected else NEVER, self._down.due())

    @property
    def passed(self) -> tuple[int, int]:
        """The bytes that have come to the server, and to the client."""
        return self._up.passed, self._down.passed

    def close(self) -> None:
        """Be over, in peace."""
        self.ended = True
        self.client.close()
        self.server.close()

    def abort(self) -> None:
        """Break both sides at once."""
        for each in (self.client, self.server):
            _break(each)
        self.close()

    def _finish_connecting(self, ready: int) -> None:
        if self._connected or not ready:
            return
        code = self.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "cannot reach the server")
        self._connected = True

    def _left(self) -> float:
        """Return how many bytes may still come to the client."""
        line = self._line
        return line.after - (self._down.passed - self._begun) if line.strikes and line.after else NEVER

    def _strike(self) -> None:
        """Let the fault come true, once its bytes have passed."""
        line = self._line
        if self.ended or self._struck or not line.strikes or (line.after and self._left() > 0):
            return
        self._struck = True
        if line.state == "reset":
            self.abort()
            return
        self._silent = True
        if line.state == "half-open":
            _break(self.server if line.gone == "server" else self.client)


def _break(end: socket.socket) -> None:
    """Close it so that the other side hears of a reset."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    end.close()
