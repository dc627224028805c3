"""The time left: when handlers must have ended, the tail that is kept for the report, and the end."""

from __future__ import annotations

from collections.abc import Callable

from .notice import Deadline, DeadlineKind
from .record import Record

RESERVE_S = 2.0
RESERVE_SHARE = 0.1
MARGIN_S = 0.5
MARGIN_SHARE = 0.05


def usual_reserve(length: float) -> float:
    """Return the reserve of a window of *length* seconds of which earlier ends have taught nothing."""
    return min(RESERVE_S, RESERVE_SHARE * length)


class Window(Record):
    """
    A stretch of the monotonic clock, in seconds.

    `opened ... soft | reserve | dump_at | margin | kill_at | margin | hard`: handlers end before *soft*, the report
    and the flushes use the reserve, and the two last resorts of the process fire at *dump_at* and *kill_at*.
    """

    opened: float
    """When the first notice was heard."""
    soft: float
    """When every handler must have ended."""
    hard: float
    """When the process is gone."""
    reserve: float
    """The tail slice for the report and the flush of telemetry."""
    margin: float
    """The distance of a last resort from what comes after it."""
    kind: DeadlineKind = DeadlineKind.CONFIGURED
    """How the hard deadline is known."""

    @classmethod
    def of(cls, deadline: Deadline, reserve_of: Callable[[float], float] | None = None) -> Window:
        """
        Cut the time up to *deadline* into its slices; a deadline that has passed leaves an empty window.

        Args:

            deadline: When the process will be gone.

            reserve_of: Tells the reserve by the length, where earlier ends have taught it; None for the usual one.
        """
        length = max(0.0, deadline.at - deadline.opened)
        reserve = (reserve_of or usual_reserve)(length)
        margin = min(MARGIN_S, MARGIN_SHARE * length)
        hard = deadline.opened + length
        return cls(deadline.opened, hard - 2 * margin - reserve, hard, reserve, margin, deadline.kind)

    @classmethod
    def open(
        cls, at: float, length: float, kind: DeadlineKind = DeadlineKind.CONFIGURED,
        reserve_of: Callable[[float], float] | None = None,
    ) -> Window:  # fmt: skip
        """Open a window of *length* seconds at the instant *at*."""
        return cls.of(Deadline(at, at + length, kind), reserve_of)

    @property
    def length(self) -> float:
        """The seconds from the notice to the end."""
        return self.hard - self.opened

    @property
    def work(self) -> float:
        """The seconds that handlers have."""
        return self.soft - self.opened

    @property
    def dump_at(self) -> float:
        """When the first last resort writes every stack and ends the process."""
        return self.hard - 2 * self.margin

    @property
    def kill_at(self) -> float:
        """When the second last resort, the kernel's alarm, ends the process."""
        return self.hard - self.margin
