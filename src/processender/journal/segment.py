"""
One segment: a file that is filled with zeros before it is used, so that writing into it needs one flush and no more.

Its header says whose it is and comes last: a segment with a valid header holds its whole checkpoint. The header stands
there twice, 2,048 bytes apart, so that one damaged sector does not hide a whole journal.
"""

from __future__ import annotations

import struct
import zlib

from ..core.record import Record
from .record import HIGHEST, NewerVersion

HEADER = 4096
"""Where the records begin."""
SIZE = 1 << 20
"""The bytes of a segment, unless the live set needs more."""
LARGEST = 1 << 30
"""The most bytes of a segment; more are neither written nor read."""
FORMAT = 1
_MAGIC = b"PEJ1"
_FIELDS = struct.Struct("<4sHxx16sQQI")
_COPY = 2048
_PREFIX, _SUFFIX = "seg-", ".pej"


class Header(Record):
    """What a segment says of itself."""

    journal: bytes
    """The id of the journal, 16 bytes."""
    number: int
    """Its number in the journal; the highest counts."""
    first: int
    """The sequence number of its first record."""

    @property
    def seed(self) -> int:
        """What the checksums of its records begin with."""
        return zlib.crc32(self.journal)

    def pack(self) -> bytes:
        """Return the header as bytes, twice."""
        fields = (_MAGIC, FORMAT, self.journal, self.number, self.first)
        check = zlib.crc32(_FIELDS.pack(*fields, 0))
        once = _FIELDS.pack(*fields, check)
        return (once.ljust(_COPY, b"\0")) * (HEADER // _COPY)


def read_header(data: bytes) -> Header | None:
    """Return the header of a segment, from either copy; None if none is valid; raise `NewerVersion`."""
    # A file is read without the zeros at its end.
    data = data[:HEADER].ljust(HEADER, b"\0")
    for offset in range(0, HEADER, _COPY):
        magic, format_, journal, number, first, check = _FIELDS.unpack_from(data, offset)
        if magic == _MAGIC and check == zlib.crc32(_FIELDS.pack(magic, format_, journal, number, first, 0)):
            if format_ > FORMAT:
                text = f"cannot read the journal: it has format {format_}, this version knows {FORMAT}"
                raise NewerVersion(f"{text}; use the version that wrote it, or a newer one")
            return Header(journal, number, first) if number < HIGHEST and 0 < first < HIGHEST else None
    return None


def name_of(number: int) -> str:
    """Return the file name of the segment with this number."""
    return f"{_PREFIX}{number:08d}{_SUFFIX}"


def number_of(name: str) -> int | None:
    """Return the number of the segment with this file name, None if it is none of ours."""
    digits = name[len(_PREFIX) : -len(_SUFFIX)]
    ours = name.startswith(_PREFIX) and name.endswith(_SUFFIX) and digits.isascii() and digits.isdigit()
    return int(digits) if ours and int(digits) < HIGHEST and name == name_of(int(digits)) else None
