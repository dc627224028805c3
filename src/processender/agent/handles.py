"""
A process that somebody else has started, held by a descriptor that the kernel binds to it and to no other.

Source: pidfd_open(2); `PIDFD_GET_INFO` of linux/pidfd.h tells since Linux 6.15 how a process has ended, once its parent
has waited for it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct

from .sighting import Unseen
from .tree import Member, read_member, send

_GET_INFO = 0xC040FF0B
"""`_IOWR(0xFF, 11, 64 bytes)`, the first form of the request."""
_EXIT = 1 << 3
_INFO = struct.Struct("=QQ11Ii")
_REAPED_MS = 500
"""How long the parent may take to wait for it before its status counts as unknown."""


class Handle:
    """One process, for as long as this is open."""

    def __init__(self, member: Member) -> None:
        """Bind to *member*; raise `ProcessLookupError` if it is gone, `Unseen` if it cannot be held."""
        self.member = member
        """Who it is."""
        self.descriptor = -1
        """What becomes readable when it ends; -1 where the kernel gives none."""
        try:
            self.descriptor = os.pidfd_open(member.pid)
        except ProcessLookupError:
            raise
        except OSError:
            # A sandbox without it: then looking is all there is.
            self.descriptor = -1
        if self.descriptor < 0 and not member.start:
            text = f"cannot watch process {member.pid}: neither pidfd_open nor /proc tells it from a later one"
            raise Unseen(f"{text}; use --watch-http or --heartbeat")
        if not self._same():
            self.close()
            raise ProcessLookupError(f"process {member.pid} is gone")

    def _same(self) -> bool:
        if not self.member.start:
            return True
        now = read_member(self.member.pid)
        return now is not None and now.start == self.member.start

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        if self.descriptor < 0:
            return not self._same()
        return bool(_ready(self.descriptor, select.POLLIN, 0))

    def status(self) -> int | None:
        """Return how it has ended, its code or minus the signal that killed it; None where nobody tells."""
        if self.descriptor < 0:
            return None
        _ready(self.descriptor, 0, _REAPED_MS)
        data = bytearray(_INFO.pack(_EXIT, *[0] * 13))
        try:
            fcntl.ioctl(self.descriptor, _GET_INFO, data)
        except OSError:
            return None
        fields = _INFO.unpack(data)
        return os.waitstatus_to_exitcode(fields[-1]) if fields[0] & _EXIT else None

    def send(self, signum: int) -> bool:
        """Send it a signal; tell whether it was still there and could be sent one."""
        if self.member.start:
            return send(self.member, signum)
        if self.descriptor < 0:
            return False
        try:
            signal.pidfd_send_signal(self.descriptor, signum)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _ready(descriptor: int, events: int, milliseconds: int) -> int:
    poll = select.poll()
    poll.register(descriptor, events)
    return sum(found for _, found in poll.poll(milliseconds))
