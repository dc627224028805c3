"""
Who answers on the agent's socket: lines of JSON ask, lines of JSON answer; all that comes is mistrusted.

Theory of operation. One thread reads and writes for everybody and waits for nobody: the answerer, whoever does what is
asked for, answers when it is done, from whatever thread. A connection has one request under way at a time, and what it
sends meanwhile waits in the kernel. There are at most `LINES` connections; a newcomer takes the place of the one that
has been silent for longest, so that nobody can keep others out by saying nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import threading

from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any, Protocol
from .line import VERSION, Caller, Line, Reply

LINES = 64
"""The most connections at once."""
_PAUSE_S = 0.1


class Answerer(Protocol):
    """Whoever does what is asked for."""

    def take(self, request: dict[str, Any], caller: Caller, reply: Reply) -> None:
        """Begin to do it and return at once; *reply* what came of it. Raise `ProcessEnderError` if it cannot be."""

    def lost(self, caller: Caller) -> None:
        """Take note that *caller*, which was `kept`, has gone."""


def serve(listening: Any, answerer: Answerer) -> None:
    """
    Answer on the socket *listening*, on a thread of its own, until the process ends.

    Raises `OSError` or `RuntimeError`, and leaves *listening* as it is, where there is no descriptor or no thread.
    """
    with contextlib.ExitStack() as undo:
        made = undo.enter_context(socket.socket(fileno=os.dup(listening.fileno())))
        board = Switchboard(made, answerer)
        undo.callback(board.close)
        threading.Thread(target=board.run, name="processender-control", daemon=True).start()
        undo.pop_all()
    listening.close()


class Switchboard:
    """The connections, and the thread that reads and writes for them all."""

    def __init__(self, listening: socket.socket, answerer: Answerer) -> None:
        """Take what listens and who does what is asked for."""
        self._listening = listening
        self._answerer = answerer
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
            self._resume()
            for line in list(self._lines.values()):
                self._attend(line)

    def close(self) -> None:
        """Close what was opened for a thread that there is not."""
        os.close(self._bell_out)
        os.close(self._bell_in)

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

    def _resume(self) -> None:
        """Take newcomers again when the pause is over, also if nobody else is there."""
        if self._paused_until is not None and self._clock.now() >= self._paused_until:
            self._paused_until = None
            self._poll.register(self._listening, select.POLLIN)

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
        while (request := line.next_request(now)) is not None:
            self._ask(line, request)
        line.write(now)
        if line.over(now):
            self._drop(line)
        else:
            self._poll.modify(line.connection, line.interest())

    def _ask(self, line: Line, request: bytes) -> None:
        try:
            self._answerer.take(_understand(request), line.caller, line.reply)
        except ProcessEnderError as error:
            line.reply({"error": str(error)})
        except Exception as error:  # whatever is asked for, the agent goes on
            line.reply({"error": f"cannot do it: {error!r}; this is a bug of processender"})

    def _drop(self, line: Line) -> None:
        del self._lines[line.connection.fileno()]
        self._poll.unregister(line.connection)
        line.connection.close()
        if line.caller.kept:
            self._answerer.lost(line.caller)


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
