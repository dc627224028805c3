"""
How an Ender joins the agent around its process: one end for both, whose deadline the agent decides.

The agent is found by an environment variable. It is told who has joined, tells how long there is when it asks the
command to end, and gets the report, which then stands in its own. A thread listens, but only in a process that has
joined; an agent that goes away leaves an Ender that does everything itself.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence

from .core.notice import Action, Notice
from .hints import Any
from .ports import Clock

VARIABLE = "PROCESSENDER_CONTROL"
"""Where the path of the agent's socket is."""
SWITCH = "PROCESSENDER_JOIN"
"""The variable that, set to 0, lets an Ender stay alone."""
VERSION = 1
ORIGIN = "agent"
PATIENCE_S = 2.0
"""How long the agent may take to answer, and to take a report."""
_LONGEST = 65536
_SHOWN = 60


class Joined:
    """The connection of one Ender to the agent. Safe for threads."""

    def __init__(self, connection: socket.socket, service: str, clock: Clock) -> None:
        """Take the *connection*, on which the agent has answered, and the name of its *service*."""
        self.service = service
        """The name under which the agent keeps what is owed and told."""
        self._connection = connection
        self._clock = clock
        self._owner = os.getpid()
        self._complain: Callable[[str], object] | None = None
        self._lock = threading.Lock()
        self._alive = True

    def listen(self, notify: Callable[[Notice], object], complain: Callable[[str], object]) -> None:
        """Hand what the agent tells to *notify* from now on, and to *complain*, once, that it cannot be understood."""
        self._complain = complain
        threading.Thread(target=self._listen, args=(notify,), name="processender-joined", daemon=True).start()

    def send(self, report: Mapping[str, Any]) -> bool:
        """Send the *report*; tell whether the agent takes it."""
        return self._say({"do": "report", "report": report})

    def follow(self, change: Mapping[str, Any]) -> bool:
        """Tell what has changed in the run, for whoever watches it there; tell whether the agent takes it."""
        return self._say({"do": "course", "change": change})

    def _say(self, message: Mapping[str, Any]) -> bool:
        if not self._alive or os.getpid() != self._owner:
            return False
        try:
            with self._lock:
                self._connection.sendall(_line(message))
        except OSError:
            self._alive = False
        return self._alive

    def close(self) -> None:
        """Hang up."""
        self._alive = False
        self._connection.close()

    def _listen(self, notify: Callable[[Notice], object]) -> None:
        data = b""
        while self._alive:
            try:
                more = self._connection.recv(_LONGEST)
            except OSError:
                more = b""
            if not more:
                self._alive = False
                return
            *lines, data = (data + more).split(b"\n")
            for line in lines:
                notice = understand(line, self._clock.now(), self._misunderstood)
                if notice is not None:
                    notify(notice)
                    # Until it hears this the agent does not send its signal, which would begin the end without it.
                    self._say({"do": "heard"})

    def _misunderstood(self, why: str) -> None:
        complain, self._complain = self._complain, None
        if complain is not None:
            complain(
                f"cannot understand what the agent says: {why}; this process may not hear of the end from it, "
                "install the same version of both"
            )


def understand(line: bytes, now: float, complain: Callable[[str], object]) -> Notice | None:
    """Return what the agent tells by *line*, None for an answer; for what is neither *complain* is told why."""
    try:
        told = json.loads(line)
        if isinstance(told, dict) and "notice" not in told:
            return None
        notice = told["notice"]
        cause, sender = str(notice["cause"]), str(notice.get("sender", ""))
        action = Action(notice.get("action", "stop"))
        seconds = told.get("deadline_s")
        deadline = None if seconds is None else now + max(0.0, float(seconds))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        complain(f"{line[:_SHOWN]!r} ({type(error).__name__}: {error})")
        return None
    return Notice(cause, ORIGIN, now, action, deadline, sender=sender)


def call(connection: socket.socket, path: str, seconds: float) -> None:
    """Connect to the socket at *path*, and let no step of the conversation take more than *seconds*."""
    # With a time-out of Python's own the call would fail at once while others stand in the queue: see connect(2).
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), 0))
    connection.connect(path)
    connection.settimeout(seconds)


def join(
    environ: Mapping[str, str], service: str, handlers: Sequence[str], clock: Clock, complain: Callable[[str], object]
) -> Joined | None:
    """
    Join the agent that *environ* names; return None when there is none, or it does not answer.

    Args:

        environ: The environment.

        service: The name of the Ender.

        handlers: The names of its handlers.

        clock: The time.

        complain: Is told why it could not be joined.
    """
    path = environ.get(VARIABLE, "")
    if not path or environ.get(SWITCH) == "0":
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        call(connection, path, PATIENCE_S)
        connection.sendall(_line({"do": "join", "service": service, "handlers": list(handlers)}))
        answer = _answer(connection)
        # From here on a thread waits for its words without a limit; what is sent to it still has one.
        connection.settimeout(None)
    except (OSError, ValueError) as error:
        connection.close()
        complain(f"cannot join the agent at {path}: {error}; this process ends by itself ({SWITCH}=0 says so)")
        return None
    return Joined(connection, str(answer.get("service", "")), clock)


def _answer(connection: socket.socket) -> dict[str, Any]:
    data = b""
    while b"\n" not in data and len(data) < _LONGEST:
        more = connection.recv(4096)
        if not more:
            raise ConnectionResetError("it has hung up")
        data += more
    answer = dict(json.loads(data))
    if not answer.get("joined"):
        raise ConnectionRefusedError(str(answer.get("error", "it does not say that it has taken us")))
    return answer


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps({"v": VERSION, **message}).encode() + b"\n"
