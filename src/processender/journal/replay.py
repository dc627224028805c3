"""
Reading a journal back: what was acknowledged, and nothing that was not written.

The segment with the highest valid header counts: it began with all that was live. One behind it that has records and
no header yet is that of a rotation which did not come to its end, and no damage. In the one that counts the first
record that is not valid is the end, unless a valid one with a higher number follows. Then something was damaged in
between: the rest is still used, and a copy of the file is kept aside.

At the end a torn record is told from a damaged one by its zeros. A segment is full of them before it is used, and JSON
has none: where a write was cut short, or a power cut took sectors of it, some are left, and nothing was acknowledged
there. A record that was written to its last byte and whose checksum is wrong was damaged later: it may have been.
"""

from __future__ import annotations

import errno
import gc
import os
from collections.abc import Callable, Iterator

from ..core.obligation import Entry, Kind
from ..errors import ObligationError
from .disk import Disk
from .record import ALIGNMENT, HEAD, MAGIC, NewerVersion, decode, unseal
from .segment import HEADER, Header, name_of, number_of, read_header

_MAGIC_BYTES = MAGIC.to_bytes(4, "little")


class Replayed:
    """What was found in the directory of a journal."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.header: Header | None = None
        """The header of the segment that counts; None for a journal that was never begun."""
        self.last = 0
        """The highest sequence number."""
        self.names: list[str] = []
        """The files of all segments, those that are not used any more and the spare one among them."""
        self.damaged: list[str] = []
        """The files of which a copy should be kept aside."""
        self.troubles: list[str] = []
        """What is wrong, in sentences."""
        self.notes: list[str] = []
        """What is no damage, and good to know."""


def replay(disk: Disk, directory: str, apply: Callable[[Entry], object]) -> Replayed:
    """
    Read the journal in *directory* and let *apply* have each of its entries, in order.

    Raise `NewerVersion` for one that a newer version has written, and `OSError` for one that cannot be read.
    """
    collects = gc.isenabled()
    # What is read lives on: looking through it for garbage, again and again, would take longer than reading it.
    gc.disable()
    try:
        return _replay(disk, directory, apply)
    finally:
        if collects:
            gc.enable()


def _replay(disk: Disk, directory: str, apply: Callable[[Entry], object]) -> Replayed:
    found = Replayed()
    found.names = sorted(name for name in disk.names(directory) if number_of(name) is not None)
    data = b""
    unfinished = []
    for name in reversed(found.names):
        try:
            content = disk.read(os.path.join(directory, name))
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            _damage(found, name, f"{name} is larger than any segment; it is left out")
            continue
        header = read_header(content)
        if header is not None and name_of(header.number) == name:
            found.header, data = header, content
            break
        if header is not None:
            _damage(found, name, f"{name} is a copy of {name_of(header.number)}; it is left out")
        elif content[:HEADER].strip(b"\0"):
            _damage(found, name, f"{name} has no valid header; it is left out")
        elif content:
            unfinished.append(name)
    if found.header is None:
        for name in unfinished:
            _damage(found, name, f"{name} has no valid header; it is left out")
        if found.names and not found.damaged and number_of(found.names[0]) != 1:
            found.troubles.append(f"the segment before {found.names[0]} is missing; what it held is not known")
        return found
    _read(found, data, apply)
    return found


def _read(found: Replayed, data: bytes, apply: Callable[[Entry], object]) -> None:
    assert found.header is not None  # the caller has looked
    seed, last = found.header.seed, found.header.first - 1
    name = name_of(found.header.number)
    offset = HEADER
    while True:
        for number, end, entry in _records(data, offset, seed):
            if entry is None:
                _damage(found, name, f"{name} has a record {number} that says nothing; it is left out")
            if number != last + 1:
                _damage(found, name, f"{name} has no valid record {last + 1} before {number}; the rest is used")
            offset, last = end, number
            if entry is not None:
                _apply(apply, entry)
        following = _resync(data, offset, seed, last)
        if following is None:
            break
        offset = following
    found.last = last
    _look_at_end(found, name, data, offset)


def _look_at_end(found: Replayed, name: str, data: bytes, offset: int) -> None:
    """Tell what stands behind the last valid record, if it is not only zeros."""
    rest = data[offset:].rstrip(b"\0")
    if not rest:
        return
    number = found.last + 1
    if _was_written(rest):
        _damage(found, name, f"{name} has a damaged record {number} at its end; what it said is not known")
    else:
        found.notes.append(f"{name} ends with a torn record {number}; nothing in it was acknowledged")


def _was_written(rest: bytes) -> bool:
    """Tell whether the record at the beginning of *rest* had reached the disk as a whole."""
    if len(rest) <= HEAD:
        return False
    # The magic and the length stand at a multiple of eight, so no sector ends within them.
    if rest[:4] != _MAGIC_BYTES:
        return rest[:4] != bytes(4)
    length = int.from_bytes(rest[4:8], "little")
    payload = rest[HEAD : HEAD + length]
    if length and len(payload) == length and b"\0" not in payload:
        return True
    # Perhaps it is the length that is wrong.
    return _decoded(Kind.RUN, rest[HEAD:]) is not None


def _records(data: bytes, offset: int, seed: int) -> Iterator[tuple[int, int, Entry | None]]:
    while (record := unseal(data, offset, seed)) is not None:
        number, offset, kind, payload = record
        # One that says nothing has the right checksum, so somebody has written it on purpose.
        yield number, offset, _decoded(kind, payload)


def _decoded(kind: Kind, payload: bytes) -> Entry | None:
    try:
        return decode(kind, payload)
    except (ValueError, RecursionError):
        return None


def _apply(apply: Callable[[Entry], object], entry: Entry) -> None:
    try:
        apply(entry)
    except ObligationError:
        # What it goes on from was in a damaged part, or two threads have released the same thing.
        return


def _damage(found: Replayed, name: str, text: str) -> None:
    if name not in found.damaged:
        found.damaged.append(name)
    found.troubles.append(text)


def _resync(data: bytes, offset: int, seed: int, last: int) -> int | None:
    """Return where the next valid record with a higher number begins, None if what follows is a torn tail."""
    while (offset := data.find(_MAGIC_BYTES, offset)) >= 0 and offset + HEAD <= len(data):
        if offset % ALIGNMENT == 0:
            try:
                record = unseal(data, offset, seed)
            except NewerVersion:
                record = None
            if record is not None and record[0] > last:
                return offset
        offset += 1
    return None
