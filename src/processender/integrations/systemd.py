"""
systemd, as the manager of a unit: what its `systemctl status` says after a crash.

Source: sd_notify(3): one datagram of `KEY=VALUE` lines to the socket that NOTIFY_SOCKET names; the unit must allow the
sender with `NotifyAccess=`.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping

from ..core.crash import CrashReport
from ..errors import HandlerError, Transient
from ..ports import Context

VARIABLE = "NOTIFY_SOCKET"


def notify(address: str, **fields: str) -> None:
    """Send *fields* to the manager at *address*; a leading `@` means the abstract namespace."""
    text = "\n".join(f"{name}={value.replace(chr(10), ' ')}" for name, value in fields.items())
    where = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        sender.sendto(text.encode(), where)


def crash_status(environ: Mapping[str, str] | None = None) -> Callable[[CrashReport, Context], None]:
    """
    Return what tells the manager of a crash: `STATUS` is the summary, `ERRNO` is EOWNERDEAD, "owner died".

    Raise `HandlerError` where NOTIFY_SOCKET is not set: then no manager listens.
    """
    address = (os.environ if environ is None else environ).get(VARIABLE, "")
    if not address:
        text = f"cannot tell systemd of a crash: {VARIABLE} is not set"
        raise HandlerError(f"{text}; run as a unit with Type=notify or NotifyAccess=main")

    def tell(crash: CrashReport, ctx: Context) -> None:  # noqa: ARG001 - the face of all notifiers
        try:
            notify(address, STATUS=crash.summary, ERRNO=str(errno.EOWNERDEAD))
        except OSError as error:
            raise Transient(f"cannot tell systemd at {address}: {error.strerror}") from error

    return tell
