"""
The messages of containerd's events, read and written without generated code: protobuf as its encoding is documented.

Only what is needed of containerd's `services/events/v1/events.proto` and `events/task.proto` is here. A field that is
not known is passed over, as protobuf wants it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.record import Record
from ...glance import Unclear

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class Told(Record):
    """One event."""

    namespace: str
    """The namespace of the container."""
    topic: str
    """`/tasks/exit`, `/tasks/oom`, or another."""
    container: str
    """The id of the container."""
    process: str = ""
    """The id of the process; that of its first process is the container's own."""
    status: int = 0
    """Its exit code."""


def subscription(filters: Sequence[str]) -> bytes:
    """Return the request for the events that one of *filters* lets through."""
    return b"".join(bytes_field(1, each.encode()) for each in filters)


def bytes_field(number: int, data: bytes) -> bytes:
    """Return a field that holds *data*."""
    return varint(number << 3 | _BYTES) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Return *number* as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def understood(data: bytes) -> Told:
    """Return the event in an envelope; raise `Unclear` for what is none."""
    envelope = _fields(data)
    event = _fields(_bytes(_fields(_bytes(envelope.get(4))).get(2)))
    status = event.get(4, 0)
    return Told(
        _text(envelope.get(2)), _text(envelope.get(3)), _text(event.get(1)), _text(event.get(2)),
        status if isinstance(status, int) else 0,
    )  # fmt: skip


def _fields(data: bytes) -> dict[int, int | bytes]:
    """Return the fields of a message by their numbers; of a repeated one the last."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            found[key >> 3], at = _varint(data, at)
            continue
        length, at = _varint(data, at) if kind == _BYTES else ({_FIXED64: 8, _FIXED32: 4}.get(kind, len(data) + 1), at)
        if at + length > len(data):
            raise Unclear(f"it sends {data[:80]!r}, which is no event")
        found[key >> 3], at = data[at : at + length], at + length
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return number, at + place + 1
    raise Unclear(f"it sends {data[:80]!r}, which is no event")


def _bytes(value: int | bytes | None) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: int | bytes | None) -> str:
    return _bytes(value).decode("utf-8", "replace")
