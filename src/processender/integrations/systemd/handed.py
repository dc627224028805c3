"""
The sockets that a manager hands to a service: those of its socket units, and those that it has kept.

Source: sd_listen_fds(3): LISTEN_FDS descriptors from 3 on, for the process LISTEN_PID, named by LISTEN_FDNAMES.
"""

from __future__ import annotations

import _socket
import os

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST = 3
VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_MOST = 1024


class Handed:
    """One descriptor that was handed over."""

    __slots__ = ("descriptor", "name")

    def __init__(self, name: str, descriptor: int) -> None:
        """Take its *name* and its number."""
        self.name = name
        self.descriptor = descriptor


def handed(environ: Mapping[str, str]) -> list[Handed]:
    """Return what was handed to this process, and let no command inherit it by chance."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for number in range(min(int(count), _MOST)):
        descriptor = FIRST + number
        try:
            os.set_inheritable(descriptor, False)
        except OSError:
            # It was promised and is not there; what comes behind it would get a wrong number.
            break
        name = names[number] if number < len(names) and names[number] else "unknown"
        found.append(Handed(name, descriptor))
    return found


def is_listening(descriptor: int) -> bool:
    """Tell whether *descriptor* is a socket that listens for connections."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return False
    try:
        made = _socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return False
    try:
        return bool(made.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN))
    except OSError:
        return False
    finally:
        made.close()
