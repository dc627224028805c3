"""What the log asks of a disk, and the real one; a simulated disk stands in where power is cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from ..hints import Protocol
from ..opening import open_beyond
from ..paths import sync_directory
from .segment import LARGEST

_ZEROS = bytes(1 << 16)


class Disk(Protocol):
    """Files by path, open ones by descriptor. Everything raises `OSError`."""

    def create(self, path: str, size: int) -> int:
        """Make a file of *size* zeros, written and not only reserved, and open it; its name is not synced yet."""

    def open(self, path: str) -> int:
        """Open a file for writing, never through a link."""

    def read(self, path: str) -> bytes:
        """Return a file up to its last byte that is not zero, never through a link."""

    def size(self, path: str) -> int:
        """Return how many bytes a file has."""

    def write(self, descriptor: int, data: bytes | bytearray, offset: int) -> int:
        """Write *data* at *offset*; return how many bytes were taken, which may be fewer."""

    def sync(self, descriptor: int) -> None:
        """Return when what was written cannot be lost by a power cut."""

    def sync_directory(self, path: str) -> None:
        """Return when the names that were made and removed in the directory *path* cannot be lost."""

    def close(self, descriptor: int) -> None:
        """Close a file."""

    def unlink(self, path: str) -> None:
        """Remove a name."""

    def names(self, path: str) -> list[str]:
        """Return the names in the directory *path*."""


class SystemDisk:
    """The disk of this machine."""

    def create(self, path: str, size: int) -> int:
        """Make a file of zeros: blocks that were written once are overwritten in place, with one flush and no more."""
        descriptor = open_beyond(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            _fill(descriptor, size)
        except OSError:
            os.close(descriptor)
            os.unlink(path)
            raise
        return descriptor

    def open(self, path: str) -> int:
        """Open a file for writing."""
        return open_beyond(path, os.O_RDWR)

    def read(self, path: str) -> bytes:
        """Return a file up to its last byte that is not zero; most of a large segment may be zeros."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            end = _end(descriptor)
            if end > LARGEST:
                raise OSError(errno.EFBIG, "it is larger than any segment")
            return file.read(end)

    def size(self, path: str) -> int:
        """Return how many bytes a file has."""
        return os.lstat(path).st_size

    def write(self, descriptor: int, data: bytes | bytearray, offset: int) -> int:
        """Write at an offset."""
        return os.pwrite(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        """Flush what was written; the size never changes, so the times of the file need not follow."""
        os.fdatasync(descriptor)

    def sync_directory(self, path: str) -> None:
        """Flush the names."""
        sync_directory(path)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def unlink(self, path: str) -> None:
        """Remove a name."""
        os.unlink(path)

    def names(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return os.listdir(path)


def _fill(descriptor: int, size: int) -> None:
    offset = 0
    while offset < size:
        written = os.pwrite(descriptor, _ZEROS[: size - offset], offset)
        if not written:
            raise OSError(errno.EIO, "nothing was written")
        offset += written


def _end(descriptor: int) -> int:
    """Return how many bytes there are up to the last that is not zero, looking from the end."""
    pieces = list(_pieces(descriptor, os.fstat(descriptor).st_size))
    if sum(end - first for first, end in pieces) > LARGEST:
        raise OSError(errno.EFBIG, "it is larger than any segment")
    for first, last in reversed(pieces):
        end = last
        while end > first:
            begin = max(first, end - len(_ZEROS))
            piece = os.pread(descriptor, end - begin, begin)
            if piece != _ZEROS[: len(piece)]:
                return begin + len(piece.rstrip(b"\0"))
            end = begin
    return 0


def _pieces(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where something was written: a file may say that it has more bytes than any disk."""
    end = 0
    try:
        while end < size:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, begin, os.SEEK_HOLE)
            yield begin, end
    except OSError as error:
        if error.errno != errno.ENXIO:
            # This file system does not tell.
            yield end, size
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
