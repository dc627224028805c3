"""
One record: an entry as bytes, with its length, its number, and a checksum that only this journal has.

Little-endian: magic (4 bytes), length of the payload (4), sequence number (8), checksum (4), schema (2), kind (2),
then the payload, an id and its data in JSON, and zeros up to a multiple of eight. The checksum is CRC-32 over all of it
but itself, begun with a number drawn from the journal's id, so that a record of another journal is never taken for one.
"""

from __future__ import annotations

import json
import struct
import zlib

from ..core.obligation import Entry, Kind
from ..errors import JournalError
from ..hints import Any

MAGIC = 0x52454A50
"""The bytes `PJER`."""
SCHEMA = 1
"""The version of the payloads that this code writes, and the highest that it reads."""
LARGEST = 1 << 16
"""The most bytes of one payload: the journal holds what a releaser needs, not what it releases."""
HIGHEST = 1 << 62
"""No record and no segment has ever a number that high; one that says so would leave no room for those behind it."""
ALIGNMENT = 8
_HEAD = struct.Struct("<IIQIHH")
_SIGNED = struct.Struct("<IIQHH")
HEAD = _HEAD.size

_CODES = {
    Kind.INTENT: 1, Kind.ACQUIRED: 2, Kind.RELEASING: 3, Kind.RELEASED: 4, Kind.FAILED: 5, Kind.CHECKPOINT: 6,
    Kind.RUN: 7, Kind.HANDLER: 8, Kind.SAVED: 9, Kind.EXTENDED: 10,
}  # fmt: skip
"""Frozen: they are on disks."""
_KINDS = {code: kind for kind, code in _CODES.items()}
_KEPT = {Kind.INTENT, Kind.CHECKPOINT}
"""What begins an obligation, and stays in memory as long as that is owed."""
_scan = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class NewerVersion(JournalError):
    """The journal was written by a newer version of ProcessEnder."""

    code = "journal-newer"


class Stored(Entry):
    """An entry as it lies on the disk: its payload, made into data when somebody looks; most are never looked at."""

    @property  # type: ignore[misc] # a slot of the parent, of which this is another face
    def data(self) -> Any:
        """The rest, data of JSON."""
        return _scan(_payload.__get__(self).decode())[0][1]


_payload: Any = Entry.__dict__["data"]
"""Where an entry keeps its data, and a stored one its payload."""


def stored(entry: Entry, payload: bytes) -> Entry:
    """Return *entry* as it is best kept in memory, given its *payload*."""
    return _store(entry.kind, entry.id, payload) if entry.kind in _KEPT else entry


def _store(kind: Kind, id_: str, payload: bytes) -> Stored:
    entry = Stored.__new__(Stored)
    object.__setattr__(entry, "kind", kind)
    object.__setattr__(entry, "id", id_)
    _payload.__set__(entry, payload)
    return entry


def encode(entry: Entry) -> bytes:
    """Return the payload of *entry*; raise `JournalError` for one that is too large."""
    if isinstance(entry, Stored):
        kept: bytes = _payload.__get__(entry)
        return kept
    payload = _encode((entry.id, entry.data)).encode()
    if len(payload) > LARGEST and entry.kind is not Kind.CHECKPOINT:
        text = f"cannot keep {entry.kind} of {entry.id}: {len(payload)} bytes of data, at most {LARGEST} are kept"
        raise JournalError(f"{text}; keep large data elsewhere, and here where it is found")
    return payload


def seal(kind: Kind, payload: bytes, number: int, seed: int) -> bytes:
    """Return the record of *payload* with the sequence *number*, for the journal with this *seed*."""
    length, code = len(payload), _CODES[kind]
    check = zlib.crc32(payload, zlib.crc32(_SIGNED.pack(MAGIC, length, number, SCHEMA, code), seed))
    return _HEAD.pack(MAGIC, length, number, check, SCHEMA, code) + payload + bytes(-length % ALIGNMENT)


def size_of(payload: bytes) -> int:
    """Return how many bytes the record of *payload* takes."""
    return HEAD + len(payload) + -len(payload) % ALIGNMENT


def unseal(data: bytes, offset: int, seed: int) -> tuple[int, int, Kind, bytes] | None:
    """
    Return the number, the end, the kind and the payload of the record at *offset*; None if there is no valid one.

    Raise `NewerVersion` for a valid record of a schema that this code does not know.
    """
    if offset + HEAD > len(data):
        return None
    magic, length, number, check, schema, code = _HEAD.unpack_from(data, offset)
    begin = offset + HEAD
    if magic != MAGIC or begin + length > len(data) or number >= HIGHEST:
        return None
    payload = data[begin : begin + length]
    if zlib.crc32(payload, zlib.crc32(_SIGNED.pack(magic, length, number, schema, code), seed)) != check:
        return None
    if schema > SCHEMA or code not in _KINDS:
        raise NewerVersion(
            f"cannot read the record {number}: it has schema {schema}, this version knows {SCHEMA};"
            " use the version that wrote it, or a newer one"
        )
    return number, begin + length + -length % ALIGNMENT, _KINDS[code], payload


def decode(kind: Kind, payload: bytes) -> Entry:
    """Return the entry of a valid record; raise `ValueError` for a payload that is none of ours."""
    found: Any
    found, _ = _scan(payload.decode())
    if not (isinstance(found, list) and len(found) == 2 and isinstance(found[0], str) and isinstance(found[1], dict)):
        raise ValueError("the payload is not an id and its data")
    return _store(kind, found[0], payload) if kind in _KEPT else Entry(kind, found[0], found[1])
