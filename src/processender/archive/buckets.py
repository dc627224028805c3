"""
Many counts in one number: times in steps of a twentieth, which give quantiles within 5 %, whatever is put together.

A whole number of any length is a row of lanes, 32 bits each, one lane for each step. So to put a thousand of them
together is to add a thousand numbers, which takes Python no longer than adding small ones.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import ceil, log

STEP = 1.05
"""How much longer each step is than the one before."""
LANE = 32
"""The bits of a lane."""
_LEAST_S = 1e-6
_MOST = 600
_PER_S = 1.0 / _LEAST_S
_PER_LOG = 1.0 / log(STEP)
_ALL = struct.Struct(f"<{_MOST + 1}I")
_FEW = 40
_HEAD = struct.Struct("<H")
ONE = tuple(1 << (lane * LANE) for lane in range(_MOST + 1))
"""The numbers that have 1 in one lane, by lane."""


def step(seconds: float) -> int:
    """Return the number of the step in which *seconds* lie, 0 for what takes no time."""
    if seconds <= _LEAST_S:
        return 0
    number = ceil(log(seconds * _PER_S) * _PER_LOG)
    return min(_MOST, number)


def together(steps: Sequence[int]) -> int:
    """Return the number that has in each lane how often that step is among the *steps*."""
    if len(steps) < _FEW:
        return sum([ONE[each] for each in steps])
    counts = [0] * (_MOST + 1)
    for each in steps:
        counts[each] += 1
    return int.from_bytes(_ALL.pack(*counts), "little")


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


def quantile(number: int, share: float) -> float | None:
    """Return the least time that *share* of all did not exceed, of counts by step; None without any."""
    counts = lanes(number)
    rank, seen = max(1, ceil(share * sum(counts))), 0
    for each, n in enumerate(counts):
        if seen + n >= rank:
            # Inside of a step they are taken to be spread evenly: one more run is not to look like a jump.
            return _LEAST_S * STEP ** (each - 1 + (rank - seen - 0.5) / n) if each else 0.0
        seen += n
    return None
