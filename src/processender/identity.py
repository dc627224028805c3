"""
Who a process is, told so that a number that was given again is never taken for the same process.

Sources: `/proc/<pid>/stat` field 22 (start time in clock ticks since boot, proc(5)), `/proc/sys/kernel/random/boot_id`,
the inode of `/proc/self/ns/pid`, and, since Linux 6.9, the inode of a pidfd, which no two processes of a boot share.
"""

from __future__ import annotations

import os

from .core.record import Record


class Identity(Record):
    """One process, for as long as the host keeps its boot id."""

    boot: str
    """The id of the boot."""
    space: int
    """The inode of its pid namespace."""
    pid: int
    """Its number there."""
    started: int
    """Its start, clock ticks since boot."""
    inode: int = 0
    """The inode of its pidfd, 0 where the kernel gives none of its own."""


def boot_id() -> str:
    """Return the id of this boot of the host, empty where the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().decode().strip()
    except OSError:
        return ""


def status_of(pid: int) -> tuple[str, int] | None:
    """Return the state letter and the start time of a process, None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name stands in brackets and may hold any byte.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[19])


def identify(pid: int | None = None) -> Identity | None:
    """Return the identity of the process *pid*, or of this one; None if there is none."""
    number = os.getpid() if pid is None else pid
    status = status_of(number)
    if status is None:
        return None
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return Identity(boot_id(), space, number, status[1], _inode(number))


def _inode(pid: int) -> int:
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError):
        return 0
    try:
        # On an anonymous inode the device is that of all such files, and the number is everybody's.
        own = os.pidfd_open(os.getpid())
        try:
            shared = pid != os.getpid() and os.fstat(own).st_ino == os.fstat(descriptor).st_ino
        finally:
            os.close(own)
        return 0 if shared else os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def is_alive(identity: Identity) -> bool:
    """Tell whether the very process lives, as far as this one can see; a zombie does not."""
    if identity.boot != boot_id():
        return False
    status = status_of(identity.pid)
    if status is None or status[1] != identity.started or status[0] in {"Z", "X"}:
        return False
    now = identify(identity.pid)
    return now is not None and (now.space, now.started) == (identity.space, identity.started)
