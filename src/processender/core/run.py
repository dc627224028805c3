"""
The state machine that carries one plan through: reports go in, commands and events come out.

Theory of operation. Each handler has a cell, and each cell is in one `State`. Only `_move` changes a state, and only
along `TRANSITIONS`. The engine calls `advance` with what happened since the last call and the time; it must hand over
the events before it carries out the commands. Whatever has a time limit has its cell on the heap of alarms; an alarm
that no longer applies is recognised by its number and ignored.

A handler becomes ready when all it waits for has ended. Then one question after the other is asked: has one of its
needs not ended `done`, does the plan give it up, is its time gone: then it is skipped, and what waits for it goes on.

Every cell ends, whatever its handler does: a running one at its deadline, one that was handed over and never began at
its latest finish, one in the queue of a lane likewise; and no deadline lies behind the soft deadline of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .attempts import Attempts
from .cells import Cell, Input, State
from .commands import Cancel, Command
from .events import Event, PlanChanged
from .handler import DRAIN, Importance
from .limits import latest_end
from .outcome import Outcome
from .plan import Plan
from .reports import Adopted, Began, Hurried, Raised, Refused, Released, Report, Returned, Withdrawn


class Run(Attempts):
    """One run of one plan. Pure: it reads no clock and calls no handler. Not safe for threads."""

    def __init__(self, plan: Plan, chance: Callable[[], float], hold: str = "", name: str = "") -> None:
        """
        Begin with nothing.

        Args:

            plan: What is carried through.

            chance: Gives a number in [0, 1) for the jitter of retries.

            hold: The phase behind which it holds.

            name: Tells what is reported of this run from the late words of another one.
        """
        super().__init__(plan, chance, name)
        self._hold = hold
        self._must_only = ""
        self._withdrawn = False

    @property
    def finished(self) -> bool:
        """Whether every handler has ended, and the run does not hold."""
        return not self._hold and len(self.results) == len(self._board.cells)

    @property
    def held(self) -> bool:
        """Whether the run does not go beyond a phase."""
        return bool(self._hold)

    @property
    def waits(self) -> bool:
        """Whether all that comes before the hold has ended."""
        before = [cell for cell in self._board.cells.values() if not self._is_behind(cell)]
        return self.held and all(cell.state is State.ENDED for cell in before)

    @property
    def withdrawable(self) -> bool:
        """Whether nothing beyond the phase `drain` has begun; any thread may ask."""
        phases = self.plan.graph.phases
        return self._furthest <= (phases.index(DRAIN) if DRAIN in phases else -1)

    def _is_behind(self, cell: Cell) -> bool:
        """Tell whether *cell* comes behind the hold."""
        phases, phase = self.plan.graph.phases, cell.handler.phase
        if self._hold not in phases or phase not in phases:
            return True
        return phases.index(phase) > phases.index(self._hold)

    @property
    def wake_at(self) -> float | None:
        """When `advance` must be called at the latest, None if only a report can change anything."""
        return self._alarms.next

    def advance(self, now: float, reports: Sequence[Report] = ()) -> tuple[list[Command], list[Event]]:
        """
        Take the *reports* and the time *now*; return the commands to carry out and the events that happened.

        The events must be handed over before the commands are carried out, so that a crash leaves a start without an
        end and never an effect without a record.
        """
        for report in reports:
            self._take(now, report)
        self._release(now)
        self._ring(now)
        commands, events = self._commands, self._events
        self._commands, self._events = [], []
        return commands, events

    # What is told.

    def _take(self, now: float, report: Report) -> None:
        if isinstance(report, Adopted):
            self._adopt(now, report.plan)
            return
        if isinstance(report, Hurried):
            self._hurry(now, report.reason)
            return
        if isinstance(report, Released):
            self._hold = ""
            return
        if isinstance(report, Withdrawn):
            self._withdraw(now, report.reason)
            return
        cell = self._board.cells.get(report.handler)
        # A late word of another run, of an attempt that was given up, or of a handler that has ended, changes nothing.
        late = report.run != self.name or cell is None or cell.attempt != report.attempt
        if late or cell is None or cell.state in {State.ENDED, State.PAUSED}:
            return
        match report:
            case Began():
                self._began(cell, report.at)
                if cell.hurried:
                    self._cancel(cell, now, cell.why, quiet=self._withdrawn)
            case Returned():
                cell.error = ""
                self._end(cell, Input.RETURNED, report.at, Outcome.DONE)
            case Raised():
                self._raised(cell, report)
            case Refused():
                self._give_up(cell, report.at, report.reason)

    def _adopt(self, now: float, plan: Plan) -> None:
        self._board.lay_out(plan)
        self._events.append(PlanChanged(now, plan))
        for cell in self._board.cells.values():
            self._refit(cell, now)

    def _hurry(self, now: float, reason: str) -> None:
        """Give up all that is below `must`."""
        self._must_only = reason
        for cell in list(self._board.cells.values()):
            if cell.handler.importance is Importance.MUST:
                continue
            cell.hurried = True
            if cell.state is State.RUNNING:
                self._cancel(cell, now, reason)
            elif cell.state is State.STARTING:
                self._call_back(cell, reason)
            elif cell.state in {State.QUEUED, State.PAUSED}:
                self._give_up(cell, now, reason)

    def _withdraw(self, now: float, reason: str) -> None:
        """Start nothing any more, and let what runs give way."""
        self._hold, self._withdrawn = "", True
        for cell in list(self._board.cells.values()):
            cell.hurried = True
            if cell.state is State.RUNNING:
                self._cancel(cell, now, reason, quiet=True)
            elif cell.state is State.STARTING:
                self._call_back(cell, reason)
            elif cell.state in {State.WAITING, State.QUEUED, State.PAUSED}:
                self._give_up(cell, now, reason)

    def _call_back(self, cell: Cell, reason: str) -> None:
        """Let *cell*, which was handed over, not begin; if it has, the word of that is on its way, and it is to end."""
        cell.why = reason
        self._commands.append(Cancel(cell.handler.name, cell.attempt, reason, stuck=False))

    # The order.

    def _release(self, now: float) -> None:
        """Start, queue or skip everything that has become ready."""
        while ready := self._board.take_ready():
            for cell in ready:
                # Who is held back is offered again when the run is told to go on, which brings another plan.
                if not (self._hold and self._is_behind(cell)):
                    self._offer(cell, now)

    def _offer(self, cell: Cell, now: float) -> None:
        reason = self._why_not(cell, now)
        if reason:
            self._end(cell, Input.SKIP, now, Outcome.SKIPPED, reason)
        elif self._board.occupy(cell):
            self._move(cell, Input.READY)
            self._hand_over(cell, now)
        else:
            self._move(cell, Input.BUSY)
            self._alarms.set(cell, latest_end(self.plan, cell.node, now))

    def _why_not(self, cell: Cell, now: float) -> str:
        graph, name = self.plan.graph, cell.handler.name
        for node in graph.needs[cell.node]:
            result = self.results.get(graph.handlers[node].name)
            if result is None or result.outcome is not Outcome.DONE:
                return f"needs {graph.handlers[node].name}"
        if name in self.plan.skips:
            return self.plan.skips[name]
        if self._must_only and cell.handler.importance is not Importance.MUST:
            return self._must_only
        return "no time left" if latest_end(self.plan, cell.node, now) <= now else ""

    # Time.

    def _ring(self, now: float) -> None:
        while (cell := self._alarms.take(now)) is not None:
            self._rung(cell, now)
            self._release(now)
