"""
A text file that several processes change and another one reads: one of them at a time, and never half of it.

The lock is a flock(2) on a file of its own beside it, `.NAME.lock`, since the file itself is another one after each
change: what is written is moved into its place. Both names begin with a dot, so that a `*` in an include passes them.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import suppress

from .errors import Permanent, Transient
from .hints import Self
from .paths import sync_directory
from .patience import poll
from .ports import Context

LOCK_S = 5.0
"""The longest wait for another process that changes the file."""


class Rewriting:
    """The file while this process alone may change it; a context manager."""

    def __init__(self, path: str, ctx: Context) -> None:
        """Take its path, where a link is followed, and the attempt in whose time it waits for others."""
        self._path = os.path.realpath(path)
        self._folder, self._name = os.path.split(self._path)
        self._ctx = ctx
        self._lock = -1

    def __enter__(self) -> Self:
        """Wait until no other changes it; raise `Transient` when one does for too long, `Permanent` without rights."""
        lock = os.path.join(self._folder, f".{self._name}.lock")
        try:
            os.stat(self._path)
            if not os.path.lexists(lock):
                _make_lock(lock, self._folder)
            self._lock = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
            raise self._cannot(error) from error
        held = None
        try:
            held = poll(self._ctx, self._try_lock, every=0.02, wait=LOCK_S)
        finally:
            if held is None:
                os.close(self._lock)
        if held is None:
            raise Transient(f"cannot change {self._path}: another process is at it for too long")
        return self

    def __exit__(self, *_error: object) -> None:
        """Let others change it."""
        os.close(self._lock)

    def read(self) -> str:
        """Return what is in it, with its line ends as they are."""
        try:
            with open(self._path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                return file.read()
        except (PermissionError, FileNotFoundError) as error:
            raise self._cannot(error) from error

    def write(self, text: str) -> None:
        """Replace what is in it, in one step and for good; mode and owner stay."""
        found = os.stat(self._path)
        new = os.path.join(self._folder, f".{self._name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(new, flags, 0o600), "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
                file.flush()
                _give(file.fileno(), found)
                os.fsync(file.fileno())
            os.replace(new, self._path)
        except BaseException as error:
            with suppress(FileNotFoundError):
                os.unlink(new)
            if isinstance(error, PermissionError):
                raise self._cannot(error) from error
            raise
        sync_directory(self._folder)

    def _try_lock(self) -> bool | None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return True

    def _cannot(self, error: OSError) -> Permanent:
        hint = "name the file that is read" if not isinstance(error, PermissionError) else "it needs to write there"
        return Permanent(f"cannot change {self._path}: {error.strerror}; {hint}")


def _make_lock(lock: str, folder: str) -> None:
    """
    Make the file *lock*, in one step, so that it is there for all who may change files in *folder*, and for them alone.

    Who may open it may hold it, for ever: that must not be everybody who may read.
    """
    found = os.stat(folder)
    writes = stat.S_IMODE(found.st_mode) & 0o222
    descriptor, made = tempfile.mkstemp(prefix=f"{os.path.basename(lock)}.", dir=folder)
    try:
        with suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)
        with suppress(PermissionError):
            os.fchown(descriptor, -1, found.st_gid)
        os.fchmod(descriptor, writes | writes << 1 | stat.S_IRUSR)
        # Another may have been quicker.
        with suppress(FileExistsError):
            os.link(made, lock)
    finally:
        os.close(descriptor)
        os.unlink(made)


def _give(descriptor: int, like: os.stat_result) -> None:
    """Give what is open the mode of *like*, and its owner where this user may."""
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
    try:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    except PermissionError:
        return
