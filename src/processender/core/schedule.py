"""
What is still to do, laid out so that a set of handlers can be carried through on paper a thousand times.

Theory of operation. A set of handlers is an integer, one bit for each node of the graph; barriers are nodes of no time.
Who is not in the set takes no time and holds no lane, so order passes through it, as it does through whoever is
skipped in a run. Lanes are filled as a run fills them: nobody waits while there is room, and of those that wait the one
with the longest chain behind it comes first. *Extras* are tried with what is left over: one of them enters a lane only
when nobody of the set still wants it.
"""

from __future__ import annotations

from _heapq import heappop, heappush
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from .graph import Graph
from .handler import Importance

TIERS = (Importance.MUST, Importance.SHOULD, Importance.MAY)
"""What is given up first comes last."""


def members(chosen: int) -> Iterator[int]:
    """Return the nodes in the set *chosen*, the smallest first."""
    while chosen:
        lowest = chosen & -chosen
        yield lowest.bit_length() - 1
        chosen ^= lowest


class Layout:
    """The handlers that have not ended, with their order and lanes; never changed once it is made."""

    __slots__ = (
        "begin",
        "behind",
        "count",
        "everything",
        "lanes",
        "limit",
        "needed",
        "needing",
        "order",
        "room",
        "roots",
        "running",
        "successors",
        "tiers",
        "values",
        "waits",
    )  # fmt: skip

    def __init__(
        self, graph: Graph, lanes: Mapping[str, int], *, limit: float, begin: float = 0.0, running: int = 0,
        over: int = 0, done: int = 0,
    ) -> None:  # fmt: skip
        """
        Lay out *graph*.

        Args:

            graph: The handlers and their order.

            lanes: The capacity of each lane; one that is not named holds one.

            limit: When all must have ended, seconds from the notice.

            begin: What time it is, seconds from the notice.

            running: Those that have begun; they are in every set, and their times are what is left of them.

            over: Those that have ended, or will not be started.

            done: Those of them that have ended as they should.
        """
        handlers = graph.handlers
        self.count = count = len(handlers)
        self.limit, self.begin, self.running = limit, begin, running
        self.order, self.successors = graph.order, graph.successors
        self.tiers = [TIERS.index(handler.importance) for handler in handlers]
        self.values = [handler.value for handler in handlers]
        self._take_lanes(graph, lanes)
        self._take_needs(graph, over & ~done, running)
        self.everything = ((1 << count) - 1) & ~over & ~self._barred(over & ~done)
        self.waits = list(graph.waits)
        for node in members(running):
            self.waits[node] = 0
        self.roots = [node for node in graph.order if not self.waits[node]]

    def _take_lanes(self, graph: Graph, lanes: Mapping[str, int]) -> None:
        number: dict[str, int] = {}
        self.room: list[int] = []
        self.lanes = [-1] * len(graph.waits)
        for node, handler in enumerate(graph.handlers):
            if handler.lane is None:
                continue
            if handler.lane not in number:
                number[handler.lane] = len(self.room)
                self.room.append(lanes.get(handler.lane, 1))
            self.lanes[node] = number[handler.lane]

    def _take_needs(self, graph: Graph, failed: int, running: int) -> None:
        """Fill `needed` and `needing`: for each handler, itself with all that it needs, and with all that need it."""
        self.needed = [1 << node for node in range(self.count)]
        self.needing = [1 << node for node in range(self.count)]
        if not any(graph.needs):
            return
        for node in graph.order:
            if node < self.count:
                for other in graph.needs[node]:
                    self.needed[node] |= self.needed[other]
        # Who runs already needs nothing any more.
        for node in members(running & ~failed):
            self.needed[node] = 1 << node
        for node in range(self.count):
            for other in members(self.needed[node] & ~(1 << node)):
                self.needing[other] |= 1 << node

    def _barred(self, failed: int) -> int:
        """Return those that need what has not ended as it should."""
        barred = 0
        for node in members(failed):
            barred |= self.needing[node]
        return barred & ~self.running

    def worth(self, chosen: int) -> tuple[float, float, float]:
        """Return the value of *chosen* by importance; more of the first counts above all of the others."""
        sums = [0.0, 0.0, 0.0]
        tiers, values = self.tiers, self.values
        while chosen:
            lowest = chosen & -chosen
            node = lowest.bit_length() - 1
            sums[tiers[node]] += values[node]
            chosen ^= lowest
        return sums[0], sums[1], sums[2]

    def tails(self, chosen: int, times: Sequence[float]) -> list[float]:
        """Return for each node the time of the longest chain that begins with it; so urgent it is."""
        tails = [0.0] * len(self.waits)
        successors = self.successors
        for node in reversed(self.order):
            longest = 0.0
            for then in successors[node]:
                longest = max(longest, tails[then])
            tails[node] = longest + times[node] if chosen >> node & 1 else longest
        return tails

    def ends(self, chosen: int, times: Sequence[float], *, extras: int = 0, limit: float = inf) -> list[float]:
        """Return when each node ends; of *chosen* and *extras*, infinity for those that would end after *limit*."""
        if not self.room or not (chosen | extras):
            return self._ends_without_lanes(chosen | extras, times, limit)
        return self._ends_in_lanes(chosen, times, extras, limit)

    def _ends_without_lanes(self, chosen: int, times: Sequence[float], limit: float) -> list[float]:
        ends = [self.begin] * len(self.waits)
        successors, running = self.successors, self.running
        for node in self.order:
            end = ends[node]
            if chosen >> node & 1:
                if running >> node & 1:
                    end = self.begin
                end += times[node]
                if end > limit:
                    end = inf
                ends[node] = end
            for then in successors[node]:
                ends[then] = max(ends[then], end)
        return ends

    def _ends_in_lanes(self, chosen: int, times: Sequence[float], extras: int, limit: float) -> list[float]:
        waits, lanes = self.waits[:], self.lanes
        ends = [inf] * len(waits)
        tails = self.tails(chosen | extras, times)
        rooms = _Rooms(self.room, self._wanted(chosen) if extras else None, extras)
        heap: list[tuple[float, int]] = []
        now, ready, taking = self.begin, self.roots[:], chosen | extras
        while True:
            while ready:
                node = ready.pop()
                if not taking >> node & 1:
                    ends[node] = now
                    self._pass(node, waits, ready)
                elif lanes[node] < 0:
                    heappush(heap, (now + times[node], node))
                else:
                    rank = inf if extras >> node & 1 else -inf if self.running >> node & 1 else -tails[node]
                    rooms.queue(lanes[node], rank, node)
            for node in rooms.admit():
                heappush(heap, (now + times[node], node))
            if not heap or heap[0][0] > limit:
                return ends
            now, node = heappop(heap)
            ends[node] = now
            if lanes[node] >= 0:
                rooms.leave(lanes[node])
            self._pass(node, waits, ready)

    def _pass(self, node: int, waits: list[int], ready: list[int]) -> None:
        """Let what waited for *node* alone be ready."""
        for then in self.successors[node]:
            waits[then] -= 1
            if not waits[then]:
                ready.append(then)

    def _wanted(self, chosen: int) -> list[int]:
        """Return for each lane how many of *chosen* it is to hold."""
        wanted = [0] * len(self.room)
        for node in members(chosen):
            if self.lanes[node] >= 0:
                wanted[self.lanes[node]] += 1
        return wanted

    def fits(self, chosen: int, times: Sequence[float]) -> bool:
        """Tell whether all of *chosen* end in time."""
        limit = self.limit + 1e-9
        ends = self.ends(chosen, times, limit=limit)
        while chosen:
            lowest = chosen & -chosen
            if ends[lowest.bit_length() - 1] > limit:
                return False
            chosen ^= lowest
        return True

    def makespan(self, chosen: int, times: Sequence[float]) -> float:
        """Return when the last of *chosen* ends."""
        ends = self.ends(chosen, times)
        return max((ends[node] for node in members(chosen)), default=self.begin)


class _Rooms:
    """The lanes of one run on paper: who is inside, and who waits."""

    __slots__ = ("_changed", "_extras", "_free", "_queues", "_wanted")

    def __init__(self, room: Sequence[int], wanted: list[int] | None, extras: int) -> None:
        self._free = list(room)
        self._queues: list[list[tuple[float, int]]] = [[] for _ in room]
        self._wanted = wanted
        self._extras = extras
        self._changed: set[int] = set()

    def queue(self, lane: int, rank: float, node: int) -> None:
        heappush(self._queues[lane], (rank, node))
        self._changed.add(lane)

    def leave(self, lane: int) -> None:
        self._free[lane] += 1
        self._changed.add(lane)

    def admit(self) -> list[int]:
        """Return those that enter now."""
        entering: list[int] = []
        free, wanted = self._free, self._wanted
        while self._changed:
            lane = self._changed.pop()
            queue = self._queues[lane]
            while queue and free[lane]:
                extra = wanted is not None and self._extras >> queue[0][1] & 1
                if extra and wanted is not None and wanted[lane]:
                    break
                free[lane] -= 1
                if wanted is not None and not extra:
                    wanted[lane] -= 1
                entering.append(heappop(queue)[1])
        return entering
