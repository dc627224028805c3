"""
The agent's private socket, on which this user asks it for something: to keep track of a thing, to drain, to stop.

It is bound before the command starts, because the command is told its path; what answers is loaded when the first
connection comes. Its directory is named after the agent's number, so that the command line finds it, and so that what
an agent that was killed has left is removed by the next one.
"""

from __future__ import annotations

import _socket
import fcntl
import os

from ..demand import load
from ..engine.clock import SystemClock
from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "PROCESSENDER_CONTROL"
"""Where the command finds the path of the socket."""
LONGEST_PATH = 107
"""How long the path of a socket may be, bytes; see unix(7)."""
_WAITING = 64
_PREFIX = "processender-"
_NAME = "control"
_MADE_S = 10.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


def roots(environ: Mapping[str, str]) -> list[str]:
    """Return the directories in which an agent makes the one of its socket, the best first."""
    wanted = (environ.get("XDG_RUNTIME_DIR"), environ.get("TMPDIR"), "/tmp")  # noqa: S108 - a private directory in it
    return list(dict.fromkeys(root for root in wanted if root and os.path.isabs(root)))


def sockets(root: str) -> list[tuple[int, str]]:
    """Return the agents that this user has, or had, below *root*: each its number and the path of its socket."""
    # One that has made its directory, and nothing in it yet, cannot be asked.
    return [(pid, path) for pid, path in _places(root) if os.path.lexists(path)]


def _places(root: str) -> list[tuple[int, str]]:
    """Return the same, also where there is no socket any more, or not yet."""
    found = []
    try:
        names = os.listdir(root)
    except OSError:
        return []
    for name in names:
        number = name.removeprefix(_PREFIX).partition("-")[0]
        if not name.startswith(_PREFIX) or not (number.isascii() and number.isdigit()):
            continue
        directory = os.path.join(root, name)
        try:
            is_ours = os.lstat(directory).st_uid == os.geteuid()
        except OSError:
            continue
        if is_ours and not os.path.islink(directory):
            found.append((int(number), os.path.join(directory, _NAME)))
    return found


def lives(path: str) -> bool:
    """Tell whether the agent that listens, or has listened, at *path* is still there."""
    # Its number says nothing: in a container it is 1, and there is a process 1 everywhere.
    try:
        directory = os.open(os.path.dirname(path), _DIRECTORY)
    except OSError:
        return _is_answered(path)
    try:
        fcntl.flock(directory, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        # It holds its directory; a call would only wake it.
        return True
    except OSError:
        return _is_answered(path)
    finally:
        os.close(directory)
    return _is_answered(path)


def _is_answered(path: str) -> bool:
    call = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        call.setblocking(False)
        call.connect(path)
    except ConnectionRefusedError:
        return False
    except FileNotFoundError:
        return not _is_old(os.path.dirname(path))
    except OSError:
        # Full: it is not for us to say that it is dead.
        return True
    finally:
        call.close()
    return True


class Control:
    """A socket that listens, and nobody behind it before somebody calls."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """Take what *make*s the desk that answers; it is called for the first connection."""
        self.path = ""
        """Where it listens; empty when it does not."""
        self._make = make
        self._socket: _socket.socket | None = None
        self._held = -1
        self._spare = -1

    def open(self) -> str:
        """Listen where there is a place for it; return why there is none, else an empty text."""
        why = []
        for root in roots(os.environ):
            for _, path in _places(root):
                if not lives(path):
                    _remove(path)
            directory = os.path.join(root, f"{_PREFIX}{os.getpid()}-{os.urandom(6).hex()}")
            trouble = self.path or self._open(os.path.join(directory, _NAME))
            if not self.path:
                why.append(f"{root}: {trouble}")
        if self.path:
            return ""
        return f"cannot listen for `processender stop` and its like ({'; '.join(why)}); set TMPDIR to a short path"

    def _open(self, path: str) -> str:
        """Listen at *path*, in a directory that is made for it; return why that cannot be, else an empty text."""
        if len(os.fsencode(path)) > LONGEST_PATH:
            return f"a socket's path has at most {LONGEST_PATH} bytes"
        made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        try:
            os.mkdir(os.path.dirname(path), 0o700)
            self._held = _hold(os.path.dirname(path))
            made.bind(path)
            os.chmod(path, 0o600)
            made.listen(_WAITING)
        except OSError as error:
            made.close()
            self._let_go()
            _remove(path)
            return error.strerror or str(error)
        made.setblocking(False)
        self._listen(made)
        self.path, self._spare = path, _spare()
        return ""

    def answer(self) -> None:
        """Let a thread answer from now on, because somebody has called."""
        made, self._socket = self._socket, None
        if made is not None:
            fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) & ~os.O_ASYNC)
            try:
                load("agent.answers").serve(made, self._make())
            except (OSError, RuntimeError):
                # No descriptor or no thread is left: whoever has called is hung up on, and the next one may have luck.
                self._listen(made)
                self._hang_up(made)

    def _listen(self, made: _socket.socket) -> None:
        """Let the kernel say with SIGIO that somebody calls, so that nobody has to wait for it."""
        fcntl.fcntl(made, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) | os.O_ASYNC)
        self._socket = made

    def _hang_up(self, made: Any) -> None:
        """Take all who wait and let them go; the descriptor for that is kept in store."""
        if self._spare >= 0:
            os.close(self._spare)
        try:
            while True:
                os.close(made._accept()[0])  # noqa: SLF001 - the half of `socket` that is written in C
        except OSError:
            # Nobody waits any more.
            pass
        self._spare = _spare()

    def close(self) -> None:
        """Remove the socket, so that nobody new finds it."""
        if self.path:
            path, self.path = self.path, ""
            _remove(path)
            self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)


def _hold(directory: str) -> int:
    """Return a descriptor that tells everybody, for as long as it is open, that *directory* is in use."""
    descriptor = os.open(directory, _DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # A file system without locks: whoever wants to know has to call.
        os.close(descriptor)
        return -1
    return descriptor


def _spare() -> int:
    """Return a descriptor that is there to be closed when another one is needed; -1 if there is none."""
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _remove(path: str) -> None:
    """Remove the directory of *path* with all sockets in it: a killed agent has left those of its command, too."""
    directory = os.path.dirname(path)
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:
        return


def _is_old(directory: str) -> bool:
    """Tell whether the socket in *directory* would be there by now if somebody was about to make it."""
    try:
        return SystemClock().wall() - os.stat(directory).st_mtime > _MADE_S
    except OSError:
        return False
