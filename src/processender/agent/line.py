"""One connection to the agent's socket: what it has sent, what it is to get, and how long it may take."""

from __future__ import annotations

import json
import select
import socket
from collections import deque
from collections.abc import Callable

from ..hints import Any
from .kernel import sender

VERSION = 1
"""The version of what is spoken."""
LONGEST = 64 * 1024
"""The longest request, bytes."""
LONGEST_JOINED = 4 * 1024 * 1024
"""The longest line of an application that has joined, which sends its whole report, bytes."""
LIMIT_S = 5.0
"""How long a line may take to come, and an answer to be taken."""
_PIECE = 65536

Reply = Callable[[dict[str, Any]], None]


class Caller:
    """Who is at the other end of a connection."""

    __slots__ = ("_push", "kept", "pid", "uid")

    def __init__(self, pid: int, uid: int, push: Reply) -> None:
        """Take the process and the user, as the kernel tells them, and what sends a line."""
        self.pid = pid
        self.uid = uid
        self.kept = False
        """Whether the connection stays, however silent it is."""
        self._push = push

    @property
    def sender(self) -> str:
        """Who it is, in words."""
        return sender(self.pid, self.uid)

    def push(self, message: dict[str, Any]) -> None:
        """Send a line that answers nothing, from any thread."""
        self._push(message)


class Line:
    """One connection: what it has sent, what it is to get, and how long it may take."""

    def __init__(self, connection: socket.socket, pid: int, uid: int, now: float, ring: Callable[[], None]) -> None:
        """Begin with nothing said; *ring* wakes the thread that writes."""
        self.connection = connection
        self.caller = Caller(pid, uid, self._push)
        self.busy = False
        """Whether an answer is on its way."""
        self.since = now
        """When it was last heard of."""
        self.until: float | None = None
        """When it must have done what is waited for; None while nothing is."""
        self._ring = ring
        self._input = bytearray()
        self._output = bytearray()
        self._said: deque[tuple[bool, bytes]] = deque()
        self._ended = False
        self._refused = False
        self._gone = False

    def interest(self) -> int:
        """Return what to wait for; while it is busy it is not read, so that it cannot pile up requests here."""
        wants = 0 if self.busy or self._ended else select.POLLIN
        return wants | (select.POLLOUT if self._output else 0)

    def read(self, now: float, *, hung_up: bool) -> None:
        """Take what has come; who *hung_up* is not there any more to get an answer."""
        self._gone = self._gone or hung_up
        if self.busy or self._ended or self._gone:
            return
        try:
            data = self.connection.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            self._gone = True
            return
        self._ended = not data
        if self._refused:
            # Read on for a moment: what is closed with unread data takes the answer along.
            return
        self.since = now
        if data and not self._input:
            self.until = now + LIMIT_S
        self._input += data

    def next_request(self, now: float) -> bytes | None:
        """Return the next request that is complete, None if there is none or one is under way."""
        self._collect()
        if self.busy or self._refused or self._gone:
            return None
        most = LONGEST_JOINED if self.caller.kept else LONGEST
        end = self._input.find(b"\n")
        if end > most or (end < 0 and len(self._input) > most):
            self._refuse(now, f"it is longer than {most} bytes; name files instead of their text")
            return None
        if end < 0 and not (self._ended and self._input):
            if self._input and self.until is not None and now >= self.until:
                self._refuse(now, f"the line did not end in {LIMIT_S:.0f} s; send one line")
            return None
        request = bytes(self._input[:end] if end >= 0 else self._input)
        del self._input[: end + 1 if end >= 0 else len(self._input)]
        self.busy, self.until = True, None
        return request

    def _refuse(self, now: float, why: str) -> None:
        self._refused, self.until = True, now + LIMIT_S
        self._input.clear()
        self._output += _encoded({"error": f"cannot take the request: {why}"})

    def reply(self, answer: dict[str, Any]) -> None:
        """Answer the request that is under way, from any thread."""
        self._said.append((True, _encoded(answer)))
        self._ring()

    def _push(self, message: dict[str, Any]) -> None:
        self._said.append((False, _encoded(message)))
        self._ring()

    def _collect(self) -> None:
        while self._said:
            is_answer, data = self._said.popleft()
            self._output += data
            self.busy = self.busy and not is_answer

    def write(self, now: float) -> None:
        """Send what can be sent."""
        if not self._output:
            return
        try:
            sent = self.connection.send(self._output)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._gone = True
            return
        del self._output[:sent]
        if self._refused:
            return
        if sent or self.until is None:
            self.until = now + LIMIT_S if self._output or self._input else None

    def over(self, now: float) -> bool:
        """Tell whether the connection is to be ended."""
        if self._gone or (self.until is not None and now >= self.until):
            return True
        return self._ended and not self.busy and not self._output and not self._said


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps({"v": VERSION, **message}).encode() + b"\n"
