"""
The words that a service says to the manager of its unit.

Source: sd_notify(3): one datagram of `KEY=VALUE` lines to the socket that NOTIFY_SOCKET names; descriptors travel
beside it. The unit must allow the sender with `NotifyAccess=`. Nothing waits longer than a moment for a manager that
does not read, and nothing raises: a service goes on without one.
"""

from __future__ import annotations

import _socket
import os
import select
import sys
import time

from ...hints import TYPE_CHECKING
from .handed import is_listening

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "NOTIFY_SOCKET"
LONGEST = 4096
"""The longest datagram that the manager reads, bytes."""
WAIT_S = 1.0
"""How long a manager whose queue is full is waited for."""
_LONGEST_STATUS = 1024
_NAME_BYTES = 255
_WORD = 4


class Manager:
    """The manager of this unit. Safe for threads."""

    def __init__(self, address: str) -> None:
        """Take the *address* from NOTIFY_SOCKET: a path, or `@` and a name of the abstract namespace."""
        self.trouble = ""
        """Why the last datagram could not be sent; empty when it was."""
        self._where = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)

    def tell(self, *lines: str, descriptors: Sequence[int] = ()) -> bool:
        """Send *lines* as one datagram, with *descriptors*; return whether that could be done."""
        data = "\n".join(line.replace("\n", " ") for line in lines).encode("utf-8", "replace")
        beside = []
        if descriptors:
            packed = b"".join(each.to_bytes(_WORD, sys.byteorder) for each in descriptors)
            beside = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
        # A manager that did not read a moment ago is not waited for again.
        self._socket.settimeout(0.0 if self.trouble else WAIT_S)
        try:
            self._socket.sendmsg([data], beside, _socket.MSG_NOSIGNAL, self._where)
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return False
        self.trouble = ""
        return True

    def ready(self, status: str = "") -> bool:
        """Say that the service is up, or that its reload is done."""
        return self.tell("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """Say in a sentence what goes on."""
        return self.tell(*_status(text))

    def stopping(self, status: str = "") -> bool:
        """Say that the end has begun."""
        return self.tell("STOPPING=1", *_status(status))

    def reloading(self, status: str = "") -> bool:
        """Say that a reload has begun; `ready` ends it. The instant tells it from one that was asked for later."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self.tell("RELOADING=1", f"MONOTONIC_USEC={now}", *_status(status))

    def alive(self) -> bool:
        """Feed the watchdog."""
        return self.tell("WATCHDOG=1")

    def watch_within(self, seconds: float) -> bool:
        """Let the watchdog have another period from now on."""
        return self.tell("WATCHDOG=1", f"WATCHDOG_USEC={_micro(seconds)}")

    def extend(self, seconds: float) -> bool:
        """Ask for *seconds* from now on, for what is being done: the start, the run, or the end."""
        return self.tell(f"EXTEND_TIMEOUT_USEC={_micro(seconds)}")

    def store(self, name: str, descriptors: Sequence[int]) -> bool:
        """Let the manager keep listening sockets over a restart; raise `ValueError` for any other descriptor."""
        for each in descriptors:
            if not is_listening(each):
                raise ValueError(f"cannot store descriptor {each}: it is no listening socket")
        return self.tell("FDSTORE=1", f"FDNAME={check_name(name)}", descriptors=descriptors)

    def unstore(self, name: str) -> bool:
        """Let the manager close what it keeps under *name*."""
        return self.tell("FDSTOREREMOVE=1", f"FDNAME={check_name(name)}")

    def barrier(self, seconds: float) -> bool:
        """Wait at most *seconds* until the manager has taken all that was said before; return whether it has."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            sent = self.tell("BARRIER=1", descriptors=(writing,))
        finally:
            os.close(writing)
        waiting = select.poll()
        # Nothing is ever written: the other end is closed when the manager comes to the datagram.
        waiting.register(reading, 0)
        done = sent and bool(waiting.poll(seconds * 1000))
        os.close(reading)
        return done

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def check_name(name: str) -> str:
    """Return *name* if it can be that of a stored descriptor; raise `ValueError` if not."""
    if not (0 < len(name) <= _NAME_BYTES and name.isascii() and name.isprintable() and ":" not in name):
        raise ValueError(f"cannot store under the name {name[:40]!r}: it must be 1 to 255 ASCII signs without a colon")
    return name


def _status(text: str) -> tuple[str, ...]:
    # Cut by letters, with room for those of four bytes, so that the manager never sees half of one.
    return (f"STATUS={text[: _LONGEST_STATUS // _WORD * 3]}",) if text else ()


def _micro(seconds: float) -> int:
    return max(1, int(seconds * 1_000_000))
