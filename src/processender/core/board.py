"""The order of a run as it stands: which handlers have become ready, and which lanes have room."""

from __future__ import annotations

from _heapq import heappop, heappush

from .cells import Cell, State
from .plan import Plan

_LAST = float("inf")


class Board:
    """The cells of a run, laid out in the order of its plan. Not safe for threads."""

    __slots__ = ("_free", "_queues", "_ready", "_waits", "cells", "plan")

    def __init__(self, plan: Plan) -> None:
        """Lay out the cells of *plan*."""
        self.plan = plan
        self.cells: dict[str, Cell] = {}
        self._waits: list[int] = []
        self._ready: list[int] = []
        self._free: dict[str, int] = dict(plan.lanes)
        self._queues: dict[str, list[tuple[float, int, Cell]]] = {}
        self.lay_out(plan)

    def lay_out(self, plan: Plan) -> None:
        """Put the cells into the order of *plan*; what has begun or ended keeps its state."""
        self.plan, graph = plan, plan.graph
        self._drop(graph.index)
        for node, handler in enumerate(graph.handlers):
            cell = self.cells.setdefault(handler.name, Cell(handler))
            if cell.state is State.WAITING:
                cell.handler = handler
            cell.node = node
        self._waits = list(graph.waits)
        self._ready = []
        # Who stood in the queue of a lane is offered again, to stand in it as the new plan wants.
        self._queues.clear()
        for node in graph.order:
            state = self.cells[graph.handlers[node].name].state if node < len(graph.handlers) else State.WAITING
            if state is State.ENDED:
                # At once, also where the new plan would have had it wait for what has not ended.
                self.passed(node)
            elif not graph.waits[node]:
                self._ready.append(node)

    def _drop(self, known: dict[str, int]) -> None:
        """Forget the cells that no plan has any more and that never began; let the others run out."""
        for name, cell in list(self.cells.items()):
            if name in known:
                continue
            cell.node = -1
            if cell.state in {State.WAITING, State.QUEUED}:
                cell.state = State.ENDED
                del self.cells[name]

    def passed(self, node: int) -> None:
        """Note that *node* has ended; what waited for it alone becomes ready."""
        if node < 0:
            return
        for then in self.plan.graph.successors[node]:
            self._waits[then] -= 1
            if not self._waits[then]:
                self._ready.append(then)

    def take_ready(self) -> list[Cell]:
        """Return the cells that may start, those with the longest chain behind them first."""
        graph, found = self.plan.graph, []
        while self._ready:
            node = self._ready.pop()
            if node < len(graph.handlers):
                found.append(self.cells[graph.handlers[node].name])
            else:
                self.passed(node)
        found.sort(key=self._rank)
        return [cell for cell in found if cell.state in {State.WAITING, State.QUEUED}]

    def occupy(self, cell: Cell) -> bool:
        """Take a place in the lane of *cell*, if it has one; without room put it in the queue and return False."""
        lane = cell.handler.lane
        if lane is None or cell.occupies:
            return True
        if self._free.setdefault(lane, 1) > 0 and self._may_enter(cell):
            self._free[lane] -= 1
            cell.occupies = True
            self._let_next(lane)
            return True
        heappush(self._queues.setdefault(lane, []), (*self._rank(cell), cell))
        return False

    def _rank(self, cell: Cell) -> tuple[float, int]:
        """Return what puts *cell* before others that may start as well: the longest chain behind it comes first."""
        if cell.handler.name in self.plan.spare:
            return _LAST, cell.node
        return -(self.plan.urgency or self.plan.tails)[cell.node], cell.node

    def _may_enter(self, cell: Cell) -> bool:
        """Tell whether nobody on whom the plan counts still wants the lane of *cell*, which is tried beside it."""
        plan, lane = self.plan, cell.handler.lane
        if cell.handler.name not in plan.spare:
            return True
        return not any(
            other.handler.lane == lane
            and other.state in {State.WAITING, State.QUEUED}
            and not other.occupies
            and name not in plan.spare
            and name not in plan.skips
            for name, other in self.cells.items()
        )

    def leave(self, cell: Cell) -> None:
        """Take *cell*, which has ended, out of its lane and let the next in the queue be offered its place."""
        lane = cell.handler.lane
        if lane is None:
            return
        if cell.occupies:
            cell.occupies = False
            self._free[lane] += 1
        self._let_next(lane)

    def _let_next(self, lane: str) -> None:
        """Let the next in the queue of *lane* be offered the place that there is."""
        queue = self._queues.get(lane, [])
        while queue and self._free.get(lane, 1) > 0:
            following = queue[0][2]
            waits = following.state is State.QUEUED and following.node >= 0
            if waits and not self._may_enter(following):
                return
            heappop(queue)
            if waits:
                self._ready.append(following.node)
                return
