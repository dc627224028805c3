"""
The TCP server that answers HAProxy's agent check: whether this process wants traffic, in HAProxy's words.

Source: `agent-check` in the configuration manual of HAProxy, and its behaviour: a drain that an agent has asked for
stays until the agent says `ready`; `up` alone leaves it, and so does an agent that is gone.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

from ...core.handler import Handler
from ...errors import HandlerError
from ...hints import Self
from ...leaving import drainer
from ...patience import poll
from ...ports import Context, Serving
from .askers import Askers

SERVES = "up ready"
LEAVES = "drain"
_PAUSE_S = 0.1
_JOIN_S = 2.0


class AgentCheck:
    """
    Answers `up ready` while the process serves and `drain` while it does not; a context manager. Safe for threads.

    One thread answers whoever connects and closes at once, so nobody can hold it up. HAProxy asks with
    `agent-check agent-port PORT agent-inter 1s` on its `server` line. It must be able to ask until the process is gone,
    so leave the block last; `ender.add(check.drain())` waits until HAProxy has heard it.
    """

    def __init__(self, ender: Serving, listen: str) -> None:
        """Listen at *listen*, HOST:PORT or :PORT for every address; raise `HandlerError`, or `OSError` if taken."""
        host, _, port = listen.rpartition(":")
        if not port.isdecimal():
            raise HandlerError(f"cannot listen at {listen!r}: write HOST:PORT")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host.strip("[]"), int(port)), family=family, backlog=128)
        self._listener.setblocking(False)
        self._ender = ender
        self._askers = Askers()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._bell, self._hand = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="processender-agent-check", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def drain(self, *, wait: float = 5.0, name: str = "", timeout: float | None = None) -> Handler:
        """
        Return the handler that waits until every HAProxy that knows this process has been told `drain`.

        Whoever has asked more than once is taken for one.

        Args:

            wait: The longest wait, seconds: a little more than `agent-inter` (2 s, if HAProxy is not told another).

            name: The name of the handler; by default `haproxy agent-check`.

            timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.
        """

        def leave(ctx: Context) -> None:
            poll(ctx, lambda: True if self._asked() and not self._unaware() else None, every=_PAUSE_S, wait=wait)
            if not self._asked():
                ctx.note("no HAProxy has asked the agent check")
            elif unaware := self._unaware():
                ctx.note(f"not asked again within {wait:g} s: {', '.join(unaware)}; it may still send requests")
            else:
                ctx.note(f"told to drain: {', '.join(self._asked())}")

        return drainer(name or "haproxy agent-check", leave, wait=wait, timeout=timeout)

    def close(self) -> None:
        """Stop answering; return when the port is free."""
        self._closing.set()
        try:
            self._hand.send(b"x")
        except OSError:
            return
        self._thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        """Return itself; it answers since it was made."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop answering."""
        self.close()

    def _asked(self) -> list[str]:
        with self._lock:
            return self._askers.known()

    def _unaware(self) -> list[str]:
        with self._lock:
            return self._askers.told_other(LEAVES)

    def _serve(self) -> None:
        watched = select.poll()
        watched.register(self._listener, select.POLLIN)
        watched.register(self._bell, select.POLLIN)
        try:
            while not self._closing.is_set():
                watched.poll()
                self._answer_one()
        finally:
            for each in (self._listener, self._bell, self._hand):
                each.close()

    def _answer_one(self) -> None:
        try:
            client, address = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            # No descriptor is left, perhaps: it would be here again at once.
            self._closing.wait(_PAUSE_S)
            return
        with client:
            word = SERVES if self._ender.serving and not self._ender.draining else LEAVES
            # Who has not been told goes on as before.
            with suppress(OSError):
                client.setblocking(False)
                # So short that it fits into any buffer, and nobody is waited for.
                client.send(f"{word}\n".encode())
                with self._lock:
                    self._askers.told(str(address[0]), word)
                client.shutdown(socket.SHUT_WR)
                # What is not read would let the close take the answer back; HAProxy may send an `agent-send`.
                client.recv(4096)
