"""
The socket on which the command says what it would say to the manager of its unit, and what is believed of it.

It lies in the agent's private directory, so only this user can write to it. The kernel says with a signal of its own
that something has come (see `kernel`), the main thread reads it, some at a time. What comes is mistrusted: a datagram
that is too long, or no text, means nothing, and descriptors that nobody takes are closed.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import sys

from ..hints import TYPE_CHECKING
from ..integrations.systemd import LONGEST
from .kernel import URG

if TYPE_CHECKING:
    from collections.abc import Callable

    Hear = Callable[[dict[str, str], tuple[int, ...]], object]

AT_ONCE = 32
"""How many datagrams are read before the main thread looks at something else."""
_MOST_DESCRIPTORS = 253
_WORD = 4
_SETSIG = 10
"""F_SETSIG of Linux, which `fcntl` does not name."""


class Proxy:
    """One datagram socket, read by the main thread."""

    def __init__(self, directory: str, hear: Hear) -> None:
        """
        Bind it; raise `OSError` when that cannot be done.

        Args:

            directory: Where it lies.

            hear: Takes the words of one datagram by their keys, and the descriptors that came with it, which are
                closed when it returns.
        """
        self.path = os.path.join(directory, "notify")
        """Where the command finds it."""
        self._hear = hear
        self._socket = made = _socket.socket(
            _socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        )
        try:
            made.bind(self.path)
            os.chmod(self.path, 0o600)
            fcntl.fcntl(made, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(made, _SETSIG, URG)
            fcntl.fcntl(made, fcntl.F_SETFL, fcntl.fcntl(made, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            self.close()
            raise

    def read(self) -> bool:
        """Take what has come; return whether there may be more."""
        for _ in range(AT_ONCE):
            try:
                data, beside, flags, _ = self._socket.recvmsg(
                    LONGEST, _socket.CMSG_SPACE(_MOST_DESCRIPTORS * _WORD), _socket.MSG_CMSG_CLOEXEC
                )
            except OSError:
                return False
            descriptors = _descriptors(beside)
            try:
                if not flags & _socket.MSG_TRUNC:
                    self._hear(words(data), descriptors)
            finally:
                for each in descriptors:
                    os.close(each)
        return True

    def close(self) -> None:
        """Remove it."""
        self._socket.close()
        try:
            os.unlink(self.path)
        except OSError:
            return


def words(data: bytes) -> dict[str, str]:
    """Return the assignments in *data*, the last of each key; nothing if it is no text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {}
    pairs = (line.partition("=") for line in text.split("\n"))
    return {key: value for key, sign, value in pairs if sign and "\0" not in value}


def _descriptors(beside: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    found: list[int] = []
    for level, kind, data in beside:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            whole = len(data) - len(data) % _WORD
            found += [int.from_bytes(data[at : at + _WORD], sys.byteorder) for at in range(0, whole, _WORD)]
    return tuple(found)
