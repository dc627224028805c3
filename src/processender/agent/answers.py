"""
Who answers on the agent's socket: lines of JSON ask, lines of JSON answer; all that comes is mistrusted.

Theory of operation. One thread reads and writes for everybody and waits for nobody: whoever does what is asked for, the
desk, answers when it is done, from whatever thread. A connection has one request under way at a time, and what it sends
meanwhile waits in the kernel. There are at most `LINES` connections; a newcomer takes the place of the one that has
been silent for longest, so that nobody can keep others out by saying nothing.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable

from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any, Protocol
from .kernel import sender

LONGEST = 64 * 1024
"""The longest request, bytes."""
LONGEST_JOINED = 4 * 1024 * 1024
"""The longest line of an application that has joined, which sends its whole report, bytes."""
LIMIT_S = 5.0
"""How long a line may take to come, and an answer to be taken."""
LINES = 64
"""The most connections at once."""
VERSION = 1
"""The version of what is spoken."""
_PAUSE_S = 0.1
_PIECE = 65536

Reply = Callable[[dict[str, Any]], None]


class Desk(Protocol):
    """Whoever does what is asked for."""

    def take(self, request: dict[str, Any], caller: Caller, reply: Reply) -> None:
        """Begin to do it and return at once; *reply* what came of it. Raise `ProcessEnderError` if it cannot be."""

    def lost(self, caller: Caller) -> None:
        """Take note that *caller*, which was `kept`, has gone."""


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


def serve(listening: Any, desk: Desk) -> None:
    """Answer on the socket *listening*, on a thread of its own, until the process ends."""
    made = socket.socket(fileno=listening.detach())
    threading.Thread(target=Switchboard(made, desk).run, name="processender-control", daemon=True).start()


class Switchboard:
    """The connections, and the thread that reads and writes for them all."""

    def __init__(self, listening: socket.socket, desk: Desk) -> None:
        """Take what listens and who does what is asked for."""
        self._listening = listening
        self._desk = desk
        self._clock = SystemClock()
        self._poll = select.poll()
        self._lines: dict[int, Line] = {}
        self._bell_out, self._bell_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._paused_until: float | None = None

    def run(self) -> None:
        """Answer for ever."""
        self._poll.register(self._bell_out, select.POLLIN)
        self._poll.register(self._listening, select.POLLIN)
        while True:
            for descriptor, event in self._poll.poll(self._patience_ms()):
                if descriptor == self._bell_out:
                    os.read(self._bell_out, 4096)
                elif descriptor == self._listening.fileno():
                    self._accept()
                elif descriptor in self._lines:
                    self._lines[descriptor].read(
                        self._clock.now(), hung_up=not event & (select.POLLIN | select.POLLOUT)
                    )
            for line in list(self._lines.values()):
                self._attend(line)

    def _patience_ms(self) -> float | None:
        times = [line.until for line in self._lines.values() if line.until is not None]
        if self._paused_until is not None:
            times.append(self._paused_until)
        return max(0.0, (min(times) - self._clock.now()) * 1000 + 1) if times else None

    def _ring(self) -> None:
        try:
            os.write(self._bell_in, b"!")
        except BlockingIOError:
            return

    def _accept(self) -> None:
        for _ in range(LINES):
            try:
                connection, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptor is left: those that are there give theirs back; a poll that returns at once would spin.
                self._poll.unregister(self._listening)
                self._paused_until = self._clock.now() + _PAUSE_S
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        pid, user = _peer(connection)
        if user not in {0, os.geteuid()} or not self._has_room():
            connection.close()
            return
        connection.setblocking(False)
        line = Line(connection, pid, user, self._clock.now(), self._ring)
        self._lines[connection.fileno()] = line
        self._poll.register(connection, select.POLLIN)

    def _has_room(self) -> bool:
        """Make room for a newcomer; tell whether there is any."""
        if len(self._lines) < LINES:
            return True
        idle = [line for line in self._lines.values() if not line.busy and not line.caller.kept]
        if not idle:
            return False
        self._drop(min(idle, key=lambda line: line.since))
        return True

    def _attend(self, line: Line) -> None:
        """Take what *line* asks, send what is to be sent, and end it when it is over."""
        now = self._clock.now()
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
            self._poll.register(self._listening, select.POLLIN)
        while (request := line.next_request(now)) is not None:
            self._ask(line, request)
        line.write(now)
        if line.over(now):
            self._drop(line)
        else:
            self._poll.modify(line.connection, line.interest())

    def _ask(self, line: Line, request: bytes) -> None:
        try:
            self._desk.take(_understand(request), line.caller, line.reply)
        except ProcessEnderError as error:
            line.reply({"error": str(error)})
        except Exception as error:  # whatever is asked for, the agent goes on
            line.reply({"error": f"cannot do it: {error!r}; this is a bug of processender"})

    def _drop(self, line: Line) -> None:
        del self._lines[line.connection.fileno()]
        self._poll.unregister(line.connection)
        line.connection.close()
        if line.caller.kept:
            self._desk.lost(line.caller)


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


def _peer(connection: socket.socket) -> tuple[int, int]:
    """Return the process and the user of the other side, as the kernel tells them."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, user, _ = struct.unpack("3i", data)
    return pid, user


def _understand(data: bytes) -> dict[str, Any]:
    try:
        request = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProcessEnderError(f"cannot take the request: it is no JSON: {error}; send one line") from error
    if not isinstance(request, dict):
        raise ProcessEnderError(
            'cannot take the request: it must be an object; send one line such as {"v": 1, "do": "status"}'
        )
    version = request.get("v", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise ProcessEnderError(f"cannot speak version {version!r}: this agent speaks {VERSION}; use its own command")
    return request


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps({"v": VERSION, **message}).encode() + b"\n"
