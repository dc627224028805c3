"""
How much of a window is kept for the record and the flush of the observers, learned from what they took.

Loaded where earlier ends are looked at, and nowhere else. Where both were always quick, handlers get what is not
needed; where a disk or an exporter is slow, more is kept, so that the record of the end is not what is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .estimates import FEW, Estimate, Sample, of_version
from .window import usual_reserve

NAME = "\x1freserve"
"""Under what the times stand in the history; no handler can have this name, which cannot be printed."""
SELDOM = 0.95
"""The share of ends for which the reserve is enough."""
TIMES = 3.0
"""How much more is kept than was taken: half of it is for the streams, and the day may be a worse one."""
LEAST = 0.5
"""What part of the usual reserve is kept, however quick it always was: the process must still go after it."""
MOST_S, MOST_SHARE = 10.0, 0.25
"""What is kept at most, seconds and of the window, however slow it was."""


def reserve_after(samples: Sequence[Sample], version: str) -> Callable[[float], float] | None:
    """Return what tells the reserve of a window by its length; None where the *samples* teach nothing."""
    found = of_version(samples, version)
    estimate = Estimate.of(found)
    if estimate is None or (len(found) >= FEW and all(sample.censored for sample in found[-FEW:])):
        # Of an observer that never comes back more time makes no quick one.
        return None
    needed, few = TIMES * estimate.quantile(SELDOM), len(found) < FEW
    return lambda length: reserve(length, needed, few=few)


def reserve(length: float, needed: float, *, few: bool = False) -> float:
    """
    Return the seconds to keep of a window of *length* seconds.

    Args:

        length: From the notice to the end.

        needed: What would be enough at nearly every end.

        few: Whether too few ends are known to give handlers any of the usual share.
    """
    least = 1.0 if few else LEAST
    return max(least * usual_reserve(length), min(needed, MOST_S, MOST_SHARE * length))
