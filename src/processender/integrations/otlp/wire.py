"""
The little of Protocol Buffers that OTLP needs: messages are made from the inside out; of answers it reads the fields.

Source: the encoding of Protocol Buffers (varints, and fields as a number with a wire type), and the files
`opentelemetry/proto/*/v1/*.proto` of opentelemetry-proto 1.10, whose field numbers never change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import pack

from ...hints import Any

_VARINT, _64_BITS, _LENGTH, _32_BITS = 0, 1, 2, 5
_TWO_TO_64 = 1 << 64
_LARGEST = (1 << 63) - 1
_LATEST_S = 1.8e10
"""The end of what 64 bits of nanoseconds can say."""


def varint(number: int) -> bytes:
    """Return *number* in groups of 7 bits; a negative one takes ten bytes, as in 64 bits."""
    number %= _TWO_TO_64
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def message(field: int, content: bytes) -> bytes:
    """Return *content*, bytes or another message, as a *field*; an empty one is there too."""
    return varint(field << 3 | _LENGTH) + varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    """Return a text as a *field*; nothing for an empty one, which is the default."""
    # A half of a surrogate pair, which a name of a file can hold, is no UTF-8.
    return message(field, content.encode("utf-8", "replace")) if content else b""


def whole(field: int, number: int) -> bytes:
    """Return a whole number, or an enumeration, as a *field*; nothing for 0, which is the default."""
    return varint(field << 3 | _VARINT) + varint(number) if number else b""


def fixed(field: int, number: int) -> bytes:
    """Return a whole number of 64 bits without a sign as a *field*."""
    return varint(field << 3 | _64_BITS) + pack("<Q", min(max(number, 0), _TWO_TO_64 - 1))


def signed(field: int, number: int) -> bytes:
    """Return a whole number of 64 bits with a sign as a *field*."""
    return varint(field << 3 | _64_BITS) + pack("<q", min(max(number, -_LARGEST), _LARGEST))


def double(field: int, number: float) -> bytes:
    """Return a number as a *field*."""
    return varint(field << 3 | _64_BITS) + pack("<d", number)


def value(content: Any) -> bytes:
    """Return an `AnyValue`: of a text, a truth, a number, or a list of those."""
    if isinstance(content, bool):
        return varint(2 << 3 | _VARINT) + varint(int(content))
    if isinstance(content, int):
        return varint(3 << 3 | _VARINT) + varint(min(max(content, -_LARGEST), _LARGEST))
    if isinstance(content, float):
        return double(4, content)
    if isinstance(content, list | tuple):
        return message(5, b"".join(message(1, value(each)) for each in content))
    return message(1, str(content).encode("utf-8", "replace"))


def attributes(field: int, content: Mapping[str, Any]) -> bytes:
    """Return each of the attributes as a `KeyValue` in the repeated *field*."""
    pairs = (text(1, key) + message(2, value(each)) for key, each in content.items())
    return b"".join(message(field, pair) for pair in pairs)


def nanoseconds(at: float) -> int:
    """Return an instant, seconds since 1970, in nanoseconds; a float is exact to a microsecond."""
    return round(min(max(at, 0.0), _LATEST_S) * 1_000_000) * 1000


def read(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Give each field of a message with its number: a whole number, or bytes; raise `ValueError` for what is none."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            number, place = _read_varint(data, place)
            yield field, number
            continue
        sizes = {_64_BITS: 8, _32_BITS: 4}
        if kind == _LENGTH:
            size, place = _read_varint(data, place)
        elif kind in sizes:
            size = sizes[kind]
        else:
            raise ValueError(f"a field of the unknown wire type {kind}")
        if place + size > len(data):
            raise ValueError("a field that is longer than its message")
        yield field, data[place : place + size]
        place += size


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number, shift = 0, 0
    while place < len(data) and shift < 70:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return number, place
        shift += 7
    raise ValueError("a number that does not end")
