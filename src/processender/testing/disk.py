"""
A disk in memory whose power can be cut at any call, for whoever writes to a journal's `Disk`.

It is as bad as a real one may be: what was not flushed is kept or lost sector by sector and in any order, names that
were made or removed without a flush of their directory may be there or not, a file that was not flushed may be short,
and a flush that failed drops what it should have written, while the next one succeeds (as Linux does).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from random import Random

from ..hints import Self

SECTOR = 512
"""What a disk writes as a whole."""


class PowerCut(BaseException):
    """The power is gone in the middle of a call."""


class _File:
    __slots__ = ("dirty", "durable", "flushed", "now")

    def __init__(self, size: int) -> None:
        self.now = bytearray(size)
        self.durable = bytearray(size)
        self.dirty: set[int] = set()
        self.flushed = False


class SimulatedDisk:
    """One disk, its directories flat; implements `processender.journal.disk.Disk`."""

    def __init__(self, random: Random, files: dict[str, _File] | None = None) -> None:
        """Begin empty, or with what a power cut has left; *random* decides what the next one leaves."""
        self.calls = 0
        """How many calls have changed something, or tried to."""
        self.cut_at = -1
        """The call in the middle of which the power is cut; -1 for never."""
        self.fail: Callable[[str, int], int] = lambda _call, _number: 0
        """Tells, for a call and its number, the errno with which it fails; 0 for none, -1 for a short write."""
        self.lies_from = -1
        """The call from which on each flush claims success and does nothing; -1 for never."""
        self._random = random
        self._names = dict(files or {})
        self._durable_names = dict(files or {})
        self._open: dict[int, _File] = {}
        self._next = 3

    def _call(self, name: str) -> int:
        self.calls += 1
        if self.calls == self.cut_at:
            raise PowerCut
        code = self.fail(name, self.calls)
        if code > 0:
            raise OSError(code, os.strerror(code))
        return code

    @property
    def _lies(self) -> bool:
        return 0 <= self.lies_from <= self.calls

    def create(self, path: str, size: int) -> int:
        """Make a file of zeros."""
        self._call("create")
        if path in self._names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        self._names[path] = _File(size)
        return self.open(path)

    def open(self, path: str) -> int:
        """Open a file."""
        self._next += 1
        self._open[self._next] = self._names[path]
        return self._next

    def read(self, path: str) -> bytes:
        """Return what the cache has, which may be more than the disk, up to the last byte that is not zero."""
        return bytes(self._names[path].now).rstrip(b"\0")

    def size(self, path: str) -> int:
        """Return how many bytes a file has."""
        return len(self._names[path].now)

    def write(self, descriptor: int, data: bytes | bytearray, offset: int) -> int:
        """Write into the cache."""
        if self._call("write") < 0:
            data = data[: len(data) // 2]
        file = self._open[descriptor]
        file.now[offset : offset + len(data)] = data
        file.dirty.update(range(offset // SECTOR, (offset + len(data) + SECTOR - 1) // SECTOR))
        return len(data)

    def sync(self, descriptor: int) -> None:
        """Let the cache reach the disk; a failure drops what should have."""
        file = self._open[descriptor]
        try:
            self._call("sync")
        except OSError:
            for sector in file.dirty:
                if self._random.random() < 0.5:
                    self._keep(file, sector)
            file.dirty.clear()
            raise
        if self._lies:
            return
        for sector in file.dirty:
            self._keep(file, sector)
        file.dirty.clear()
        file.flushed = True

    def _keep(self, file: _File, sector: int) -> None:
        begin = sector * SECTOR
        file.durable[begin : begin + SECTOR] = file.now[begin : begin + SECTOR]

    def sync_directory(self, path: str) -> None:  # noqa: ARG002 - there is one
        """Let the names reach the disk."""
        self._call("sync_directory")
        if self._lies:
            return
        self._durable_names = dict(self._names)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        del self._open[descriptor]

    def unlink(self, path: str) -> None:
        """Remove a name."""
        self._call("unlink")
        if self._names.pop(path, None) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def names(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return [os.path.basename(name) for name in self._names if os.path.dirname(name) == path]

    def after_power_cut(self) -> Self:
        """Return the disk as the next boot finds it."""
        kept: dict[str, _File] = {}
        for name in sorted({*self._names, *self._durable_names}):
            before, now = self._durable_names.get(name), self._names.get(name)
            # A change of a name that was not flushed has reached the disk, or it has not.
            file = now if self._random.random() < 0.5 else before
            if file is not None:
                kept[name] = self._survivor(file)
        return type(self)(self._random, kept)

    def _survivor(self, file: _File) -> _File:
        kept = _File(0)
        kept.durable = bytearray(file.durable)
        chance = self._random.random()
        for sector in file.dirty:
            if self._random.random() < chance:
                begin = sector * SECTOR
                kept.durable[begin : begin + SECTOR] = file.now[begin : begin + SECTOR]
        if not file.flushed:
            del kept.durable[self._random.randrange(len(kept.durable) // SECTOR + 1) * SECTOR :]
        kept.now, kept.flushed = bytearray(kept.durable), True
        return kept
