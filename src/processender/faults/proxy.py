"""
A TCP proxy that treats connections as a bad network does.

    with TcpProxy("127.0.0.1:5432") as proxy:
        proxy.latency(0.2)
        proxy.black_hole()
        proxy.heal()

What is asked for holds when the call returns. One thread does everything; it ends with the block.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from types import TracebackType

from ..engine.clock import SystemClock, series
from ..hints import Any, Self
from .door import Door
from .line import OPEN, FaultError, Line
from .pair import NEVER, Pair

_LIMIT_S = 10.0
"""How long its thread may take to do what it is told, on any machine."""


class TcpProxy:
    """A proxy in front of one server; a context manager."""

    def __init__(self, upstream: str, *, line: Line = OPEN, seed: int = 1) -> None:
        """
        Take where the server is; nothing is listened to before the block is entered.

        Args:

            upstream: Where the server is, `127.0.0.1:5432` or `[::1]:5432`; it need not be there yet.

            line: What the network does from the first connection on.

            seed: From what the jitter is drawn: the same seed, the same jitter.
        """
        host, found, port = upstream.rpartition(":")
        if not found or not port.isdigit():
            raise FaultError(f"cannot be a proxy for {upstream!r}: write HOST:PORT")
        self.host, self.port = "127.0.0.1", 0
        """Where clients find it."""
        self.connections = 0
        """How many connections clients have made."""
        self._upstream = (host.strip("[]"), int(port))
        self._line, self._seed = line, seed
        self._clock, self._chance = SystemClock(), series(seed)
        self._family: int = socket.AF_INET
        self._pairs: list[Pair] = []
        self._asked: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._over = True
        self._passed = (0, 0)
        self._watched: dict[socket.socket, int] = {}

    def __enter__(self) -> Self:
        """Listen."""
        self._address = self._resolved()
        self._selector = selectors.DefaultSelector()
        self._door = Door(self._family, self.host, self._selector)
        self.port = self._door.port
        self._wake, self._woken = socket.socketpair()
        for each in (self._wake, self._woken):
            each.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._become(self._line)
        self._over = False
        self._thread = threading.Thread(target=self._serve, name="processender-proxy", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Break what is left, and listen no more."""
        self._ask(self._end)
        self._thread.join()

    @property
    def address(self) -> str:
        """Where clients find it, `HOST:PORT`."""
        return f"{self.host}:{self.port}"

    @property
    def line(self) -> Line:
        """What the network does now."""
        return self._line

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._pairs)

    @property
    def passed(self) -> tuple[int, int]:
        """How many bytes have come to the server, and to clients."""
        both = [self._passed, *(each.passed for each in self._pairs)]
        return sum(up for up, _ in both), sum(down for _, down in both)

    def become(self, line: Line) -> Self:
        """Let the network be like *line* from now on."""
        self._ask(lambda: self._become(line))
        return self

    def latency(self, seconds: float, *, jitter: float = 0.0) -> Self:
        """Let everything take *seconds* in each direction, and at most *jitter* more."""
        return self.become(self._line.replace(latency=seconds, jitter=jitter))

    def slow_close(self, seconds: float) -> Self:
        """Pass the end of a connection on only *seconds* after the last byte."""
        return self.become(self._line.replace(slow_close=seconds))

    def reset(self, *, after: int = 0) -> Self:
        """Break every connection, those that come later as well; each *after* so many more bytes to its client."""
        return self.become(self._line.replace(state="reset", after=after))

    def black_hole(self, *, after: int = 0) -> Self:
        """Let nothing through, and let nobody know; without *after*, new connections hang in connecting."""
        return self.become(self._line.replace(state="black-hole", after=after))

    def half_open(self, *, gone: str = "server", after: int = 0) -> Self:
        """Let one side of every connection be *gone*, `server` or `client`, and the other side hear of nothing."""
        return self.become(self._line.replace(state="half-open", gone=gone, after=after))

    def refuse(self) -> Self:
        """Refuse new connections; those that are there go on."""
        return self.become(self._line.replace(state="refuse", after=0))

    def heal(self) -> Self:
        """Be without faults again; what a black hole has held comes now, what is half open breaks."""
        return self.become(OPEN)

    def _resolved(self) -> Any:
        try:
            self._family, *_, address = socket.getaddrinfo(*self._upstream, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise FaultError(f"cannot be a proxy for {self._upstream[0]!r}: {error}") from error
        self.host = "::1" if self._family == socket.AF_INET6 else "127.0.0.1"
        return address

    def _ask(self, deed: Callable[[], object]) -> None:
        """Have a *deed* done on the thread of the proxy, and wait until it is."""
        done = threading.Event()
        if self._over:
            raise FaultError("the proxy does not run: its block is left, or not entered yet")
        with self._lock:
            self._asked += [deed, done.set]
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")
        if not done.wait(_LIMIT_S):
            raise FaultError(f"the proxy has not answered within {_LIMIT_S:.0f} s")

    # What follows runs on the thread of the proxy.

    def _serve(self) -> None:
        ready: dict[Any, int] = {}
        while not self._over:
            now = self._clock.now()
            for client in self._door.come():
                self._welcome(client)
            with self._lock:
                asked, self._asked = self._asked, []
            for deed in asked:
                deed()
            for pair in list(self._pairs):
                pair.step(now, ready)
                self._watch(pair, now)
            if not self._over:
                ready = self._select(now)

    def _select(self, now: float) -> dict[Any, int]:
        """Wait for the next socket that is ready, or the next piece that arrives after *now*."""
        due = min((at for pair in self._pairs if (at := pair.due()) > now), default=NEVER)
        found = self._selector.select(None if due == NEVER else due - now)
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
        return {key.fileobj: mask for key, mask in found}

    def _welcome(self, client: socket.socket) -> None:
        self.connections += 1
        pair = Pair(client, self._line, self._chance)
        self._pairs.append(pair)
        pair.connect(self._address)

    def _watch(self, pair: Pair, now: float) -> None:
        """Watch the sockets of a *pair* for what it waits for."""
        for end, mask in pair.wanted(now).items():
            before = self._watched.get(end, 0)
            if before and mask != before:
                self._selector.unregister(end)
                del self._watched[end]
            if mask and mask != before:
                self._selector.register(end, mask)
                self._watched[end] = mask
        if pair.ended:
            self._pairs.remove(pair)
            self._passed = self._passed[0] + pair.passed[0], self._passed[1] + pair.passed[1]

    def _become(self, line: Line) -> None:
        self._line = line
        now = self._clock.now()
        for pair in list(self._pairs):
            pair.become(line)
            # Nobody may be given the number of a file that is still watched.
            self._watch(pair, now)
        if line.state == "refuse":
            self._door.shut()
        elif line.state == "black-hole" and not line.after:
            self._door.hang()
        else:
            self._door.open()

    def _end(self) -> None:
        for pair in self._pairs:
            pair.abort()
        self._pairs = []
        self._door.close()
        self._selector.close()
        self._wake.close()
        self._woken.close()
        self._over = True
