"""The files of a log: the segment that is written, the spare one full of zeros, and the way from one to the next."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from ..core.obligation import Entry, Kind
from ..errors import JournalError
from .disk import Disk
from .record import encode, seal, size_of
from .replay import Replayed
from .segment import HEADER, LARGEST, Header, name_of, number_of

_ZEROS = bytes(1 << 16)


def cannot(what: str, directory: str, error: OSError) -> JournalError:
    """Return the error that says that *what* cannot be done to the journal in *directory*, and what helps."""
    step = "make room" if error.errno == errno.ENOSPC else "look at the disk"
    return JournalError(
        f"cannot {what} the journal {directory}: {error.strerror or error}; {step}, or set PROCESSENDER_STATE"
    )


class Segments:
    """The segment that is written, and the spare one behind it. Only the log's leader uses it."""

    def __init__(
        self, directory: str, disk: Disk, complain: Callable[[str], object], found: Replayed, least: int
    ) -> None:
        """Go on from what was *found*; nothing is written before `rotate`."""
        self._directory = directory
        self._disk = disk
        self._complain = complain
        self._least = least
        self._header = found.header or Header(os.urandom(16), 0, 1)
        self._seed = self._header.seed
        self._next = found.last + 1
        self._old = [name for name in found.names if name not in found.damaged]
        self._highest = max([self._header.number, *(number_of(name) or 0 for name in found.names)])
        self._file = self._spare = -1
        self._spare_number = 0
        self.suspect = False
        """Whether a later segment may count although it was given up; then this one must not be written any more."""
        self.spare_size = 0
        """The bytes of the next segment."""
        self._offset = self._size = 0
        self._find_spare()
        for name in found.damaged:
            self._keep_aside(name)

    @property
    def room(self) -> int:
        """How many bytes of records still fit."""
        return self._size - self._offset

    @property
    def has_spare(self) -> bool:
        """Whether the next segment is there."""
        return self._spare >= 0

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _find_spare(self) -> None:
        """Take over the spare segment of an earlier owner: on a full disk it may be the only room there is."""
        name = max(self._old, key=lambda each: number_of(each) or 0, default="")
        number = number_of(name) or 0
        if number <= self._header.number:
            return
        try:
            size = self._disk.size(self._path(name))
            _check(size)
            self._spare = self._disk.open(self._path(name))
            # A rotation may have died in the middle of it; what it wrote must not be taken for ours.
            for offset in range(0, size, len(_ZEROS)):
                write_all(self._disk, self._spare, _ZEROS[: size - offset], offset)
            self._disk.sync(self._spare)
        except OSError as error:
            self._complain(f"the spare segment {name} cannot be used: {error}")
            self._drop_spare()
            return
        self._old.remove(name)
        self.spare_size, self._spare_number = size, number

    def _keep_aside(self, name: str) -> None:
        """Keep a copy of a damaged segment beside it, for who wants to look."""
        try:
            data, size = self._disk.read(self._path(name)), self._disk.size(self._path(name))
            data = data.ljust(size if size <= LARGEST else 0, b"\0")
            copy = self._disk.create(self._path(f"{name}.{self._next}.damaged"), len(data))
            write_all(self._disk, copy, data, 0)
            self._disk.close(copy)
            self._old.append(name)
        except OSError as error:
            self._complain(f"no copy of the damaged {name} can be kept, so it stays: {error}")

    # Writing.

    def write(self, pieces: Sequence[tuple[Kind, bytes]], *, durable: bool) -> None:
        """Write records of these kinds and payloads behind the last, and flush them if *durable*; raise `OSError`."""
        seed, number = self._seed, self._next
        data = b"".join([seal(kind, payload, number + at, seed) for at, (kind, payload) in enumerate(pieces)])
        # Counted first: the number of a record that may have reached the disk is not given again.
        self._next = number + len(pieces)
        write_all(self._disk, self._file, data, self._offset)
        self._offset += len(data)
        if durable:
            self._disk.sync(self._file)

    def rotate(self, live: Sequence[Entry], room: int, *, poisoned: bool = False) -> None:
        """
        Go on in the next segment, which begins with all that is *live*; raise `OSError` and stay where we are.

        Args:

            live: The entries that the next segment begins with.

            room: How many bytes it must hold beside.

            poisoned: Whether the segment that is left has failed; then the new one is read back.
        """
        pieces = [(entry.kind, encode(entry)) for entry in live]
        need = HEADER + sum(size_of(payload) for _, payload in pieces)
        number, file, size = self._next_segment(need + room)
        header = self._header.replace(number=number, first=self._next)
        data = bytearray()
        for at, (kind, payload) in enumerate(pieces):
            data += seal(kind, payload, self._next + at, header.seed)
        try:
            self._fill(file, header, data)
            if poisoned:
                self._look(header, data)
        except OSError:
            self._discard(file, name_of(number))
            raise
        self.suspect = False
        if self._file >= 0:
            self._old.append(name_of(self._header.number))
            self._disk.close(self._file)
        self._file, self._header, self._seed, self._next = file, header, header.seed, self._next + len(pieces)
        self._offset, self._size = HEADER + len(data), size
        self._remove_old()
        self._prepare_spare()

    def _fill(self, file: int, header: Header, data: bytearray) -> None:
        if data:
            write_all(self._disk, file, data, HEADER)
            self._disk.sync(file)
        # The header comes last: whoever finds it finds the whole checkpoint.
        self.suspect = True
        write_all(self._disk, file, header.pack(), 0)
        self._disk.sync(file)

    def _look(self, header: Header, data: bytearray) -> None:
        wanted = header.pack() + data
        if self._disk.read(self._path(name_of(header.number))).ljust(len(wanted), b"\0")[: len(wanted)] != wanted:
            raise OSError(errno.EIO, "what was written cannot be read back")

    def _next_segment(self, need: int) -> tuple[int, int, int]:
        """Return the number, the descriptor and the size of a segment of zeros that holds *need* bytes."""
        wanted = max(self._least, need * 2)
        file, size, number = self._spare, self.spare_size, self._spare_number
        # One that an earlier owner has left may be far too large: it is used where there is no room for another.
        if file >= 0 and size >= wanted and (self._file >= 0 or size <= 2 * wanted):
            self._spare = -1
            return number, file, size
        try:
            made = self._create(wanted)
        except OSError:
            if file < 0 or size < need:
                raise
            self._spare = -1
            return number, file, size
        if file >= 0:
            self._drop_spare()
            self._old.append(name_of(number))
        return self._highest, made, wanted

    def _create(self, size: int) -> int:
        """Make the segment with the next number; one that could not be made is not used again either."""
        _check(size)
        self._highest += 1
        number = self._highest
        file = self._disk.create(self._path(name_of(number)), size)
        try:
            self._disk.sync(file)
            self._disk.sync_directory(self._directory)
        except OSError:
            self._discard(file, name_of(number))
            raise
        return file

    def _prepare_spare(self) -> None:
        """Have the next segment ready; without it the log goes on for as long as the present one has room."""
        if self._spare >= 0:
            return
        try:
            self._spare = self._create(self._least)
        except OSError as error:
            self._complain(f"no segment can be prepared for the journal {self._directory}: {error}")
            return
        self._spare_number, self.spare_size = self._highest, self._least

    def enlarge_spare(self, size: int) -> bool:
        """Have a next segment of *size* bytes; return False, and keep the one that is there, if there is no room."""
        try:
            made = self._create(size)
        except OSError:
            return False
        self._old.append(name_of(self._spare_number))
        self._drop_spare()
        self._spare_number, self._spare, self.spare_size = self._highest, made, size
        self._remove_old()
        return True

    def _discard(self, file: int, name: str) -> None:
        """Leave a segment that never came to count; its number is not used again."""
        try:
            self._disk.close(file)
            self._disk.unlink(self._path(name))
        except OSError as error:
            self._complain(f"{self._path(name)} is left behind: {error}")

    def _drop_spare(self) -> None:
        file, self._spare = self._spare, -1
        if file >= 0:
            self._disk.close(file)

    def _remove_old(self) -> None:
        old, self._old = self._old, []
        for name in old:
            self._remove(name)

    def _remove(self, name: str) -> bool:
        try:
            self._disk.unlink(self._path(name))
        except FileNotFoundError:
            return True
        except OSError as error:
            self._complain(f"{self._path(name)} is left behind, and not needed: {error}")
            return False
        return True

    def close(self, *, remove: bool) -> None:
        """Close the files and, if asked, *remove* them."""
        for file in (self._file, self._spare):
            if file >= 0:
                self._disk.close(file)
        if remove:
            # The one that counts goes after those behind it, or a crash in between would look like a loss.
            names = sorted(self._disk.names(self._directory), reverse=True)
            for name in names:
                if number_of(name) is not None and not self._remove(name):
                    break
        self._file = self._spare = -1


def _check(size: int) -> None:
    if size > LARGEST:
        raise OSError(errno.EFBIG, f"a segment has at most {LARGEST} bytes")


def write_all(disk: Disk, file: int, data: bytes | bytearray, offset: int) -> None:
    """Write all of *data*; raise `OSError` when the disk takes less: a second call would hide why."""
    written = disk.write(file, data, offset)
    if written != len(data):
        raise OSError(errno.EIO, f"only {written} of {len(data)} bytes were written")
