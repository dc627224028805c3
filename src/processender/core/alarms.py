"""The alarms of a run: which cell is to be looked at next, and when."""

from __future__ import annotations

from _heapq import heappop, heappush

from .cells import Cell


class Alarms:
    """Cells by the time of their alarm; each has one, and one that was replaced is recognised by its number."""

    __slots__ = ("_heap", "_number")

    def __init__(self) -> None:
        """Begin with none."""
        self._heap: list[tuple[float, int, Cell]] = []
        self._number = 0

    @property
    def next(self) -> float | None:
        """When the next one is due, seconds on the monotonic clock; None if there is none."""
        while self._heap and self._heap[0][2].alarm != self._heap[0][1]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def set(self, cell: Cell, at: float) -> None:
        """Set the alarm of *cell*, in the place of the one that it had."""
        self._number += 1
        cell.alarm = self._number
        heappush(self._heap, (at, self._number, cell))

    def take(self, now: float) -> Cell | None:
        """Return the cell whose alarm is due and comes first, None if none is."""
        due = self.next
        if due is None or due > now:
            return None
        cell = heappop(self._heap)[2]
        cell.alarm = 0
        return cell
