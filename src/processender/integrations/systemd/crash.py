"""What `systemctl status` says of a unit after a crash."""

from __future__ import annotations

import errno
import os

from ...core.crash import CrashReport
from ...errors import HandlerError, Transient
from ...hints import TYPE_CHECKING
from .notify import VARIABLE, Manager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def crash_status(environ: Mapping[str, str] | None = None) -> Callable[[CrashReport, object], None]:
    """
    Return what tells the manager of a crash: `STATUS` is the summary, `ERRNO` is EOWNERDEAD, "owner died".

    Raise `HandlerError` where NOTIFY_SOCKET is not set: then no manager listens.
    """
    address = (os.environ if environ is None else environ).get(VARIABLE, "")
    if not address:
        text = f"cannot tell systemd of a crash: {VARIABLE} is not set"
        raise HandlerError(f"{text}; run as a unit with Type=notify or NotifyAccess=main")

    def tell(crash: CrashReport, ctx: object) -> None:  # noqa: ARG001 - the face of all notifiers
        manager = Manager(address)
        told = manager.tell(f"STATUS={crash.summary}", f"ERRNO={errno.EOWNERDEAD}")
        manager.close()
        if not told:
            raise Transient(f"cannot tell systemd at {address}: {manager.trouble}")

    return tell
