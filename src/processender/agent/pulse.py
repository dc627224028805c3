"""
Applications that cannot be seen, only heard: by datagrams on a socket, or by their answers to HTTP requests.

Where no process is shared silence is all that tells an end. A socket is waited for; HTTP has to be asked, on a timer.
"""

from __future__ import annotations

import os
import socket
import stat

from ..hints import Any
from ..ports import Clock
from .application import Application, Listener, Tell
from .errors import AgentError

FAILURES = 3
"""How many requests in a row must fail before the application counts as gone: a single one may be the network's."""
_LINE = 4096
HURRY = 4.0
"""By how much faster it is asked once the end has begun."""


class HeartbeatError(AgentError, OSError):
    """The heartbeat socket cannot be made."""

    code = "heartbeat"


class Heartbeat(Application):
    """
    Hears any datagram as a sign of life, in the words of sd_notify(3) where there are some.

    `STOPPING=1` says that the silence that follows is no crash.
    """

    def __init__(self, path: str, silence: float, tell: Tell, listener: Listener) -> None:
        """Listen at *path*; who is silent for *silence* seconds is gone. Raise `HeartbeatError`."""
        super().__init__(tell, listener)
        self.argv = (os.path.basename(path),)
        self._silence = silence
        self._stopping = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            _make_room(path)
            self._socket.bind(path)
        except OSError as error:
            self._socket.close()
            raise HeartbeatError(f"cannot listen for heartbeats at {path}: {error.strerror or error}") from error
        self._socket.setblocking(False)

    def _watch(self) -> None:
        while True:
            if self._rest([self._socket.fileno()], self._silence if self.there else None):
                self._hear()
                self._appears()
            elif self.there and not self._beats():
                stopping, self._stopping = self._stopping, False
                self._ends(0, self.argv[0], 0 if stopping else None, "" if stopping else "silent")

    def _beats(self) -> bool:
        """Tell whether something has come just now; the bell may have ended the wait early."""
        return self._rest([self._socket.fileno()], self._silence)

    def _hear(self) -> None:
        while True:
            try:
                words = self._socket.recv(4096)
            except BlockingIOError:
                return
            self._stopping = self._stopping or b"STOPPING=1" in words.split(b"\n")


def _make_room(path: str) -> None:
    """Remove the socket that a sidecar before this one has left."""
    try:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        return


class Answering(Application):
    """Asks a URL every so often: an answer of 200 to 399 says that the application is there."""

    def __init__(self, url: str, every: float, clock: Clock, tell: Tell, listener: Listener) -> None:
        """Take what to ask, and every how many seconds; so long an answer may take, too."""
        from http.client import HTTPConnection, HTTPException, HTTPSConnection  # noqa: PLC0415 - for those who ask
        from urllib.parse import urlsplit  # noqa: PLC0415 - see above

        super().__init__(tell, listener)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no URL; write it like http://127.0.0.1:8080/healthz")
        self.argv = (parts.netloc,)
        self._every = every
        self._clock = clock
        self._failures = (OSError, HTTPException)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connect: Any = lambda: kind(parts.hostname or "", parts.port, timeout=self._every)

    def _watch(self) -> None:
        missed = 0
        while True:
            begun = self._clock.now()
            if self._asks():
                missed = 0
                self._appears()
            else:
                missed += 1
                if self.there and missed >= FAILURES:
                    self._ends(0, self.argv[0], None, "silent")
            pause = self._every / (HURRY if self._ending else 1.0)
            self._sleep(begun + pause)

    def _sleep(self, until: float) -> None:
        left = until - self._clock.now()
        if left > 0:
            self._rest([], left)

    def _asks(self) -> bool:
        connection = self._connect()
        until = self._clock.now() + self._every
        line = b""
        try:
            connection.request("GET", self._target, headers={"User-Agent": "processender", "Connection": "close"})
            # Only the first line counts, and whoever sends it letter by letter has no more time for that than others.
            while b"\n" not in line and len(line) < _LINE and (left := until - self._clock.now()) > 0:
                connection.sock.settimeout(left)
                more = connection.sock.recv(_LINE)
                if not more:
                    break
                line += more
        except self._failures:
            return False
        finally:
            connection.close()
        words = line.split(b" ")
        return words[0].startswith(b"HTTP/1.") and len(words) > 1 and words[1][:1] in {b"2", b"3"} and b"\n" in line
