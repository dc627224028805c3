"""
Many counts in one number: times in steps of a tenth, which give each quantile within 5 %, whatever is put together.

A whole number of any length is a row of lanes, 32 bits each, one lane for each step. So to put a thousand of them
together is to add a thousand numbers, which takes Python no longer than adding small ones.
"""

from __future__ import annotations

import struct
from math import ceil, log

STEP = 1.1
"""How much longer each step is than the one before; the middle of one is at most 4.8 % from all in it."""
LANE = 32
"""The bits of a lane."""
_LEAST_S = 1e-6
_MOST = 400
_LOG = log(STEP)
_MIDDLE = 2.0 / (STEP + 1.0)
_HEAD = struct.Struct("<H")
ONE = tuple(1 << (lane * LANE) for lane in range(_MOST + 1))
"""The numbers that have 1 in one lane, by lane."""


def step(seconds: float) -> int:
    """Return the number of the step in which *seconds* lie, 0 for what takes no time."""
    return 0 if seconds <= _LEAST_S else min(_MOST, ceil(log(seconds / _LEAST_S) / _LOG))


def lanes(number: int) -> tuple[int, ...]:
    """Return what the lanes of *number* hold."""
    count = -(-number.bit_length() // LANE)
    return struct.unpack(f"<{count}I", number.to_bytes(count * 4, "little"))


def pack(number: int) -> bytes:
    """Return *number* as bytes, without the empty lanes at both ends."""
    empty = ((number & -number).bit_length() - 1) // LANE if number else 0
    number >>= empty * LANE
    return _HEAD.pack(empty) + number.to_bytes((number.bit_length() + 7) // 8, "little")


def unpack(data: bytes) -> int:
    """Return the number that was packed."""
    return int.from_bytes(data[2:], "little") << ((data[0] | data[1] << 8) * LANE)


def middle(number: int) -> float:
    """Return the seconds that stand for the step of that *number*."""
    return _LEAST_S * STEP**number * _MIDDLE if number else 0.0


def quantile(number: int, share: float) -> float | None:
    """Return the least time that *share* of all did not exceed, of counts by step; None without any."""
    counts = lanes(number)
    total = sum(counts)
    rank, seen = max(1, ceil(share * total)), 0
    for each, n in enumerate(counts):
        seen += n
        if seen >= rank:
            return middle(each)
    return None
