"""
Whose a journal is: a lock that the kernel holds for one process, in a directory of its own.

`fcntl.lockf` on a file that is opened once: a fork child does not inherit it, and a descriptor that was passed to
another process does not keep it. It knows no two holders inside one process, and closing any descriptor of the file
gives it up, so the files that this process holds are remembered and never opened again.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import threading
from collections.abc import Iterator, Mapping

from ..core.record import Record
from ..errors import JournalError
from ..hints import Any
from ..identity import Identity, identify
from ..paths import sync_directory
from .directory import GIVEN_UP, LOCK, OWNER, discard, entries_of, kept_for, private, read_owner, unlink, write_owner
from .liveness import judge, maker_lives

MARK = "accounted"
"""An empty file: the crash of the owner was accounted for."""
_held: dict[tuple[int, int], int] = {}
_guard = threading.Lock()


class OwnerLock:
    """The right to write into one directory."""

    def __init__(self, directory: str, descriptor: int, key: tuple[int, int]) -> None:
        """Only `claim` and `adopt` make one."""
        self.directory = directory
        """The directory."""
        self.held_by_identity = False
        """Whether the owner is told by its identity, not by the lock, which is ours for a moment only."""
        self._descriptor = descriptor
        self._key = key

    def release(self) -> None:
        """Give it up; may be called again."""
        with _guard:
            if _held.pop(self._key, None) is not None:
                os.close(self._descriptor)

    @property
    def marked(self) -> bool:
        """Whether the crash of the owner is accounted for."""
        return os.path.lexists(os.path.join(self.directory, MARK))

    def mark(self) -> None:
        """Note that it is; on a disk that takes nothing it is accounted for once more one day."""
        self._touch(MARK)

    def give_up(self) -> None:
        """Let others release what is still owed although the owner lives, if that is this process."""
        owner = read_owner(self.directory)
        if owner.get("held_by") == "lock" and owner.get("pid") == os.getpid():
            self._touch(GIVEN_UP)

    def _touch(self, name: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            os.close(os.open(os.path.join(self.directory, name), flags, 0o600))
        except OSError:
            return

    def remove(self) -> None:
        """Remove the directory, if nothing but the lock and the owner's name is in it, and give the lock up."""
        ours = (MARK, GIVEN_UP, OWNER, LOCK)
        for name in ours:
            if set(os.listdir(self.directory)) <= set(ours):
                unlink(os.path.join(self.directory, name))
        if not os.listdir(self.directory):
            os.rmdir(self.directory)
        self.release()


class Found(Record):
    """A directory that somebody has made."""

    directory: str
    """Where it is."""
    lock: OwnerLock | None = None
    """The right to write into it, if its owner is dead."""
    why: str = ""
    """Why there is no right."""
    alive: bool = True
    """Whether its owner lives."""
    owner: Mapping[str, Any] = {}
    """What it says of its owner."""


def _forget_in_child() -> None:
    global _guard  # noqa: PLW0603 - another thread of the parent may have held it
    _guard = threading.Lock()
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def claim(root: str, owner: Identity | None = None) -> OwnerLock:
    """
    Make a directory below *root* and take its lock; raise `JournalError`.

    Args:

        root: The directory of all journals of a service.

        owner: For whom it is kept, if not for this process: then the owner lives as long as that process does,
            and the lock is held only while something is written.
    """
    identity = owner or identify()
    if identity is None:
        raise JournalError("cannot make a journal: /proc does not tell who this process is; mount it")
    try:
        private(root)
        while (lock := _make(root, identity, "lock" if owner is None else "identity")) is None:
            # A recovery looks at everything that has a lock file, and leaves at once.
            continue
    except JournalError:
        raise
    except OSError as error:
        raise JournalError(f"cannot make a journal in {root}: {error.strerror}; set PROCESSENDER_STATE") from error
    lock.held_by_identity = owner is not None
    return lock


def _make(root: str, identity: Identity, held_by: str) -> OwnerLock | None:
    """Make a directory and take its lock; None if another was faster. What was made by halves is taken back."""
    directory = os.path.join(root, f"{identity.pid}-{identity.started}-{os.urandom(3).hex()}")
    os.mkdir(directory, 0o700)
    lock = None
    try:
        lock = _lock(directory, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW)
        if lock is not None:
            write_owner(directory, {**identity.as_dict(), "held_by": held_by})
            sync_directory(root)
    except OSError:
        discard(directory)
        if lock is not None:
            lock.release()
        raise
    return lock


def hold(directory: str) -> OwnerLock:
    """Take the lock of one *directory* that a service shares; raise `JournalError` while another process holds it."""
    try:
        private(directory)
        path = os.path.join(directory, LOCK)
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = _lock(directory, flags if os.path.lexists(path) else flags | os.O_CREAT)
    except JournalError:
        raise
    except OSError as error:
        raise JournalError(f"cannot use {directory}: {error.strerror}; set PROCESSENDER_STATE") from error
    if lock is None:
        text = f"cannot use {directory}: another process of this service holds it"
        raise JournalError(f"{text}; give each its own state=, or one of them the task")
    return lock


def adopt(directory: str) -> Found:
    """Take the lock of *directory* if its owner is dead, or tell why not."""
    try:
        owner = read_owner(directory)
        lock = _lock(directory, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return Found(directory, why=_unmade(directory), alive=True)
    except OSError as error:
        return Found(directory, why=f"it cannot be used: {error.strerror or error}", alive=False)
    if lock is not None:
        lock.held_by_identity = owner.get("held_by") == "identity"
    alive, why = judge(directory, owner, held=lock is None)
    if why and lock is not None:
        lock.release()
        lock = None
    return Found(directory, lock, why, alive=alive, owner=owner)


def whose(directory: str) -> Found:
    """Tell whose *directory* is, and whether that owner lives, without taking its lock."""
    try:
        owner = read_owner(directory)
        alive, why = judge(directory, owner, held=_is_held(directory))
    except OSError as error:
        return Found(directory, why=f"it cannot be used: {error.strerror or error}", alive=False)
    return Found(directory, why=why, alive=alive, owner=owner)


def _is_held(directory: str) -> bool:
    """Tell whether a process holds the lock, without taking it."""
    with _guard:
        try:
            there = os.lstat(os.path.join(directory, LOCK))
            if (there.st_dev, there.st_ino) in _held:
                return True
            descriptor = os.open(os.path.join(directory, LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            # struct flock: type, whence, start, length, process.
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            found: int = struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0]
        finally:
            os.close(descriptor)
    return found != fcntl.F_UNLCK


def _unmade(directory: str) -> str:
    """Remove what a process has left that died while it made the directory, or removed it; tell what it was."""
    if maker_lives(directory):
        return "it is being made, or being removed"
    try:
        if set(os.listdir(directory)) <= {OWNER}:
            unlink(os.path.join(directory, OWNER))
            os.rmdir(directory)
            return ""
    except OSError as error:
        return f"it cannot be removed: {error.strerror}"
    return "it has no lock file; remove it if you know what it is"


def orphans(root: str) -> Iterator[Found]:
    """Yield every journal below *root*: with its lock, which is ours then, if its owner is dead."""
    return filter(None, map(orphan, entries_of(root)))


def orphan(directory: str) -> Found | None:
    """Return one journal: with its lock, which is ours then, if its owner is dead; None if there is none any more."""
    try:
        there = os.lstat(directory)
    except FileNotFoundError:
        # Another recovery was faster.
        return None
    except OSError as error:
        return Found(directory, why=f"it cannot be used: {error.strerror or error}", alive=False)
    if not stat.S_ISDIR(there.st_mode):
        return Found(directory, why="it is no directory; a link is never followed", alive=False)
    if there.st_uid != os.geteuid() or there.st_mode & 0o022:
        return Found(directory, why="it belongs to another user, or others can write to it", alive=False)
    journal = adopt(directory)
    return journal if journal.lock is not None or journal.why else None


def tracked(root: str, owner: Identity) -> Found | None:
    """Return the journal that is kept for *owner* by its identity, with its lock; None if there is none yet."""
    directory = kept_for(root, owner)
    if not directory:
        return None
    lock = _lock(directory, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    return Found(directory, lock, "" if lock else "another process writes into it", owner=read_owner(directory))


def _lock(directory: str, flags: int) -> OwnerLock | None:
    """Take the lock; None if it is held, by another process or by this one."""
    path = os.path.join(directory, LOCK)
    with _guard:
        if not flags & os.O_CREAT:
            there = os.lstat(path)
            if (there.st_dev, there.st_ino) in _held:
                return None
        descriptor = os.open(path, flags, 0o600)
        found = os.fstat(descriptor)
        key = (found.st_dev, found.st_ino)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = os.lstat(path)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        if (there.st_dev, there.st_ino) != key:
            # It was removed, and perhaps made anew, between the opening and the locking.
            os.close(descriptor)
            raise FileNotFoundError(path)
        _held[key] = descriptor
    return OwnerLock(directory, descriptor, key)
