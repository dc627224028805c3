"""Locks that a crash leaves behind: flock files, pid files, and lock directories."""

from __future__ import annotations

import fcntl
import os
import stat

from ..core.obligation import Obligation
from ..errors import Transient
from ..hints import Any
from ..identity import Identity, identify, is_alive
from ..paths import BelowRoot, Place, mark, stands
from ..ports import Context


def lock_args(path: str, root: str) -> dict[str, Any]:
    """Return the arguments of the obligation to remove the lock at *path*, below *root*, which this process holds."""
    own = identify()
    return {"root": root, **mark(path), "holder": own.as_dict() if own is not None else {}}


class FlockReleaser(BelowRoot):
    """Removes the file of a flock(2) when nobody holds it any more; the lock itself the kernel has given back."""

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the file is there."""
        return stands(obligation.key, obligation.args)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove the file; raise `Transient` while somebody, a child that inherited it perhaps, holds the lock."""
        with Place(obligation.key, str(obligation.args.get("root", ""))) as place:
            found = place.marked(obligation.args)
            if found is None or not stat.S_ISREG(found.st_mode):
                return
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(place.name, flags, dir_fd=place.directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), found):
                    place.unlink()
            except BlockingIOError:
                raise Transient(f"cannot remove the lock {obligation.key}: a process holds it") from None
            finally:
                os.close(descriptor)


class PidFileReleaser(BelowRoot):
    """Removes a pid file whose process is gone; one that another process has written since is left alone."""

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the file is there and names the same process."""
        return stands(obligation.key, obligation.args)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove the file; raise `Transient` while the process that wrote it lives and is not this one."""
        holder = _identity(obligation)
        if holder is not None and holder.pid != os.getpid() and is_alive(holder):
            raise Transient(f"cannot remove the pid file {obligation.key}: process {holder.pid} lives")
        with Place(obligation.key, str(obligation.args.get("root", ""))) as place:
            ours = place.marked(obligation.args) is not None
            if ours and (holder is None or _pid_in(place) in {holder.pid, None}):
                place.unlink()


class LockDirReleaser(BelowRoot):
    """Removes a directory that was made as a lock, with what its maker has put into it."""

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the directory is there."""
        return stands(obligation.key, obligation.args)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove the directory."""
        with Place(obligation.key, str(obligation.args.get("root", ""))) as place:
            if place.marked(obligation.args) is not None:
                place.remove_tree()


def _identity(obligation: Obligation) -> Identity | None:
    holder = obligation.args.get("holder")
    if not isinstance(holder, dict) or set(holder) != set(Identity.fields):
        return None
    return Identity(**holder)


def _pid_in(place: Place) -> int | None:
    """Return the number in the file, None if it holds none."""
    descriptor = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=place.directory)
    try:
        text = os.read(descriptor, 32).strip()
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() else None
