"""
The agent's private socket, on which what the command has started may ask it to keep track of things.

It is bound before the command starts, because the command is told its path; what answers is loaded when the first
connection comes. Only this user may connect, few at once, each with one short line and little time.
"""

from __future__ import annotations

import _socket
import fcntl
import os

from ..demand import load
from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "PROCESSENDER_CONTROL"
"""Where the command finds the path of the socket."""
_WAITING = 16


class Control:
    """A socket that listens, and nobody behind it before somebody calls."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """Take what *make*s the answers; it is called for the first connection."""
        self.path = ""
        """Where it listens; empty when it does not."""
        self._make = make
        self._socket: _socket.socket | None = None

    def open(self) -> None:
        """Listen, if there is a place for it; without one `processender track` says that there is no agent."""
        root = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - a private directory in it
        directory = os.path.join(root, f"processender-{os.getpid()}-{os.urandom(6).hex()}")
        try:
            os.mkdir(directory, 0o700)
        except OSError:
            return
        made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        path = os.path.join(directory, "control")
        try:
            made.bind(path)
            os.chmod(path, 0o600)
            made.listen(_WAITING)
        except OSError:
            made.close()
            _remove(path)
            return
        made.setblocking(False)
        # The kernel says with SIGIO that somebody calls, so nobody has to wait for it.
        fcntl.fcntl(made, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) | os.O_ASYNC)
        self.path, self._socket = path, made

    def answer(self) -> None:
        """Let a thread answer from now on, because somebody has called."""
        made, self._socket = self._socket, None
        if made is not None:
            fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) & ~os.O_ASYNC)
            load("agent.answers").serve(made, self._make)

    def close(self) -> None:
        """Remove the socket, so that nobody new finds it."""
        if self.path:
            path, self.path = self.path, ""
            _remove(path)


def _remove(path: str) -> None:
    for remove, name in ((os.unlink, path), (os.rmdir, os.path.dirname(path))):
        try:
            remove(name)
        except OSError:
            continue
