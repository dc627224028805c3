"""
Removing what stands in a file system, and never anything else.

A path in a record is hostile input: each step is opened below the one before, never through a link and never beyond a
declared root, and what is found at the end must be the very thing that was recorded: the same inode, made at the same
time, since numbers of inodes are given again, on ext4 at once; where that time is not known, on the same device.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping

from .core.obligation import Obligation
from .errors import ReleaserError, Transient
from .hints import Any, Self

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DEEPEST = 200
"""How deep a tree may be; each level holds a descriptor while the ones below it are removed."""


_HERE = -100
_NOFOLLOW = 0x100
_BTIME = 0x800
_STATX_BYTES = 256
_BTIME_AT = 80


def mark(path: str) -> dict[str, int]:
    """Return what tells the thing at *path* from one that takes its name later."""
    found = os.lstat(path)
    return {"device": found.st_dev, "inode": found.st_ino, "born": birth(path)}


def birth(path: str, directory: int = _HERE) -> int:
    """
    Return when what stands at *path*, below an open *directory*, was made, nanoseconds since 1970; 0 if unknown.

    Source: statx(2); `stx_btime` stands 80 bytes from the beginning, seconds (8 bytes) and nanoseconds (4). The
    standard library of these versions of Python does not have it.
    """
    import ctypes  # noqa: PLC0415 - 5 ms, for those who own files

    call = getattr(ctypes.CDLL(None), "statx", None)
    buffer = bytearray(_STATX_BYTES)
    place = (ctypes.c_char * _STATX_BYTES).from_buffer(buffer)
    if call is None or call(directory, os.fsencode(path), _NOFOLLOW, _BTIME, place) != 0:
        return 0
    known = int.from_bytes(buffer[:4], sys.byteorder) & _BTIME
    seconds = int.from_bytes(buffer[_BTIME_AT : _BTIME_AT + 8], sys.byteorder, signed=True)
    rest = int.from_bytes(buffer[_BTIME_AT + 8 : _BTIME_AT + 12], sys.byteorder)
    return seconds * 1_000_000_000 + rest if known else 0


def sync_directory(path: str) -> None:
    """Return when the names that were made and removed in the directory *path* cannot be lost."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_marked(found: os.stat_result, args: Mapping[str, Any], born: int = 0) -> bool:
    """Tell whether *found*, made at *born*, is what was marked in *args*; without a mark the name alone must do."""
    if "inode" not in args or found.st_ino != args["inode"]:
        return "inode" not in args
    # The number of a device may be another after each mount, the time of a birth is not. Where that is not known the
    # numbers alone must do.
    return born == args["born"] if born and args.get("born") else found.st_dev == args.get("device")


def steps_below(path: str, root: Any) -> list[str]:
    """Return the names on the way from *root* to *path*; raise `ReleaserError` if it does not lie below."""
    if not root:
        raise ReleaserError(f"cannot touch {path!r}: it has no root; give root=DIR, below which it lies")
    if not isinstance(root, str) or not (os.path.isabs(path) and os.path.isabs(root)) or "\0" in path + root:
        raise ReleaserError(f"cannot touch {path!r}: it and its root {root!r} must be absolute paths")
    steps = path[len(root.rstrip("/")) :].split("/") if path.startswith(root.rstrip("/") + "/") else []
    steps = [step for step in steps if step not in {"", "."}]
    if not steps or ".." in steps:
        raise ReleaserError(f"cannot touch {path!r}: it does not lie below its root {root!r}")
    return steps


class BelowRoot:
    """The half of a releaser of what stands below a root, the argument `root`; its key is an absolute path."""

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for a path that does not lie below its root."""
        steps_below(obligation.key, obligation.args.get("root"))


class Place:
    """A name in an open directory, below a root; a context manager."""

    def __init__(self, path: str, root: str) -> None:
        """Open the directory that holds *path*, step by step below *root*; raise `ReleaserError` or `OSError`."""
        self._directory = -1
        steps = steps_below(path, root)
        self.name = steps.pop()
        """The last step of the path."""
        self._path = path
        self._directory = os.open(root, _DIRECTORY)
        for step in steps:
            self._enter(step)

    def _enter(self, step: str) -> None:
        try:
            below = os.open(step, _DIRECTORY, dir_fd=self._directory)
        except NotADirectoryError:
            os.close(self._directory)
            raise ReleaserError(f"cannot touch {self._path!r}: {step!r} is a link or no directory") from None
        except OSError:
            os.close(self._directory)
            raise
        os.close(self._directory)
        self._directory = below

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the directory."""
        os.close(self._directory)

    @property
    def directory(self) -> int:
        """The descriptor of the directory."""
        return self._directory

    def look(self) -> os.stat_result | None:
        """Return what stands there, None for nothing."""
        try:
            return os.lstat(self.name, dir_fd=self._directory)
        except FileNotFoundError:
            return None

    def marked(self, args: Mapping[str, Any]) -> os.stat_result | None:
        """Return what stands there if it is what was marked in *args*, None for another thing or nothing."""
        found = self.look()
        if found is None:
            return None
        born = birth(self.name, self._directory) if args.get("born") else 0
        return found if is_marked(found, args, born) else None

    def unlink(self) -> None:
        """Remove a name that is no directory."""
        try:
            os.unlink(self.name, dir_fd=self._directory)
        except FileNotFoundError:
            return
        self._flush()

    def remove_tree(self) -> None:
        """Remove a directory and all that is in it; never through a link, never on another file system."""
        found = self.look()
        if found is not None and stat.S_ISDIR(found.st_mode):
            _remove(self._directory, self.name, found.st_dev, 0)
            self._flush()
            return
        self.unlink()

    def _flush(self) -> None:
        """Let the removal reach the disk before RELEASED, which goes there with any flush of the journal."""
        os.fsync(self._directory)


def sweep(path: str, keep: Collection[str], has_time: Callable[[], bool]) -> tuple[int, list[str]]:
    """
    Remove what is in the directory *path*, and not the directory; return how much is gone, and what is not, and why.

    No link is followed, and no other file system entered; what cannot be removed does not hold up the rest.

    Args:

        path: The directory; raises `OSError` if it is a link, or none.

        keep: The names in it that stay.

        has_time: Tells whether there is time for one more.
    """
    directory = os.open(path, _DIRECTORY)
    gone, left = 0, []
    try:
        device = os.fstat(directory).st_dev
        for name, is_directory in sorted(_entries(directory)):
            if name in keep:
                continue
            try:
                if not has_time():
                    raise TimeoutError("no time was left")
                if is_directory:
                    _remove(directory, name, device, 0, mine=True)
                else:
                    _unlink(directory, name)
                gone += 1
            except (OSError, ReleaserError) as error:
                left.append(f"{name} ({getattr(error, 'strerror', None) or error})")
    finally:
        os.close(directory)
    return gone, left


def stands(path: str, args: Mapping[str, Any], *, comes_back: bool = True) -> bool:
    """
    Tell whether what was marked in *args* stands at *path*, below the root in *args*.

    Raise `Transient` where its file system seems not to be mounted and *comes_back*: what cannot be seen is not gone.
    """
    root = str(args.get("root", ""))
    try:
        with Place(path, root) as place:
            if place.look() is not None:
                return place.marked(args) is not None
    except FileNotFoundError:
        # Gone with a directory above it, unless all of that is elsewhere for now.
        pass
    if comes_back and _may_come_back(root, args):
        raise Transient(f"cannot tell whether {path!r} is gone: {root!r} is not there, or not mounted; mount it")
    return False


def _may_come_back(root: str, args: Mapping[str, Any]) -> bool:
    """Tell whether the file system of what is marked in *args* may be one that is not mounted at *root*."""
    place = root
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    if place == root and ("device" not in args or os.listdir(root)):
        return False
    return os.stat(place).st_dev != args.get("device")


def _remove(parent: int, name: str, device: int, depth: int, *, mine: bool = False) -> None:
    """Remove a tree; if it is *mine*, also what its modes say must stay."""
    if depth > DEEPEST:
        raise ReleaserError(f"cannot remove the tree: it is deeper than {DEEPEST} levels; remove it by hand")
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        found = os.fstat(descriptor)
        if found.st_dev != device:
            raise ReleaserError(f"cannot remove the tree: something is mounted at {name!r}; unmount it first")
        if mine and found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(descriptor, 0o700)
        for entry, is_directory in _entries(descriptor):
            if is_directory:
                _remove(descriptor, entry, device, depth + 1, mine=mine)
            else:
                _unlink(descriptor, entry)
    finally:
        os.close(descriptor)
    try:
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _entries(descriptor: int) -> Iterator[tuple[str, bool]]:
    with os.scandir(descriptor) as found:
        for entry in list(found):
            yield entry.name, entry.is_dir(follow_symlinks=False)


def _unlink(descriptor: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=descriptor)
    except FileNotFoundError:
        return
