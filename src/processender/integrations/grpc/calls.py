"""The RPCs of the servers of one host: which are open, which were cut, and when nobody waits for any of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ...hints import Any
from ...ports import Serving

REFUSED = "the server is stopping; try another one"
CUT = "the server is stopping and the time for this RPC is over; try another one"
HEALTH = "/grpc.health.v1.Health/"
LONGEST_S = 7 * 86400.0
"""What `server.stop` is told first: when it is over is decided here, not by its clock."""
LAST_S = 0.25
"""How long the last statuses may take to their clients, seconds; one that does not read is not waited for longer."""


class Calls:
    """What an interceptor counts. Safe for threads; it calls others only without its lock."""

    def __init__(self, ender: Serving, quiet: Callable[[], object]) -> None:
        """Call *quiet* when new RPCs are refused and every open one has ended or was cut."""
        self.ender = ender
        self.closed = False
        """Whether new RPCs are refused."""
        self._quiet = quiet
        self._lock = threading.Lock()
        self._open: set[Call] = set()
        self._cut: set[Call] = set()
        self._said = False

    def refuses(self, method: str) -> bool:
        """Tell whether a new RPC of *method* must go elsewhere."""
        return self.closed and not method.startswith(HEALTH)

    def begin(self, call: Call) -> None:
        """Note an RPC; one that nobody waits for is as good as cut."""
        with self._lock:
            self._open.add(call)
            if not call.waited_for:
                self._cut.add(call)

    def cut(self, call: Call) -> None:
        """Note that nobody waits for *call* any more."""
        with self._lock:
            if call in self._open:
                self._cut.add(call)
        self._look()

    def end(self, call: Call) -> None:
        """Note that the client has the status of *call*, or is gone."""
        with self._lock:
            self._open.discard(call)
            self._cut.discard(call)
        self._look()

    def close(self) -> None:
        """Refuse new RPCs from now on, and end those that nobody waits for: the watchers of the health service."""
        with self._lock:
            self.closed, self._said = True, False
            watchers = list(self._cut)
        for watcher in watchers:
            watcher.cut()
        self._look()

    def _look(self) -> None:
        with self._lock:
            over = self.closed and not self._said and len(self._open) == len(self._cut)
            self._said = self._said or over
        if over:
            self._quiet()


class Call:
    """
    One RPC, from the moment it is accepted until its handler has returned and the client has its status, or is gone.

    Its status is sent once, by who claims it first: the handler that returns, or the end that cuts it.
    """

    def __init__(self, calls: Calls, method: str, *, streaming: bool) -> None:
        """Count an RPC of *method*, whose answer may be *streaming*."""
        self.waited_for = not method.startswith(HEALTH)
        """Whether it is work in progress: health's watchers never end by themselves."""
        self.context: Any = None
        """The context of the RPC; None until its handler begins."""
        self._calls = calls
        self._words = f"streaming rpc {method}" if streaming else f"rpc {method}"
        self._lock = threading.Lock()
        self._claimed = False
        self._holds = 2
        calls.begin(self)
        self._token: Any = None
        if self.waited_for:
            self._token = calls.ender.inflight(self, kind="stream" if streaming else "rpc", cut=self.cut)
            self._token.begin()

    def __str__(self) -> str:
        """Return, for example, `streaming rpc /orders.Orders/Follow from ipv4:10.0.0.7:41954`."""
        return self._words

    @property
    def claimed(self) -> bool:
        """Whether somebody has sent the status, or is about to."""
        return self._claimed

    def begin(self, context: Any) -> bool:
        """Take the *context*, now that a handler can run; return False if it was cut before."""
        self._words += f" from {context.peer()}"
        with self._lock:
            self.context = context
            return not self._claimed

    def claim(self) -> bool:
        """Return whether the status may be sent by the caller; True once."""
        with self._lock:
            first, self._claimed = not self._claimed, True
        return first

    def cut(self) -> None:
        """End it for the client with UNAVAILABLE, from any thread; its handler may go on for a while."""
        if self.claim() and self.context is not None:
            self.refuse()
        self._calls.cut(self)

    def refuse(self) -> None:
        """Send the status UNAVAILABLE."""
        raise NotImplementedError

    def returned(self) -> None:
        """Note that the handler has returned."""
        self._let_go()

    def finished(self, *_: object) -> None:
        """Note that the client has the status, or is gone."""
        self._calls.end(self)
        self._let_go()

    def dropped(self) -> None:
        """Note that the RPC is gone, its handler with it; it may never have begun."""
        if self.context is None:
            self.finished()
            self.returned()

    def _let_go(self) -> None:
        with self._lock:
            self._holds -= 1
            over = self._holds == 0
        if over and self._token is not None:
            self._token.end()


class Leash:
    """
    Tells the RPC that the server has dropped its handler.

    A client that cancels before its request has come in leaves no other trace: the handler is never called.
    """

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        """Hold *call* as long as the server holds its handler."""
        self.call = call

    def __del__(self) -> None:
        """Let the RPC go, if it never began."""
        self.call.dropped()
