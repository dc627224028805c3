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

import heapq
from collections.abc import Callable, Sequence

from .board import Board
from .cells import Cell, Input, State, transition
from .commands import Cancel, Command, Extend, Redirect, Start
from .events import AttemptFailed, AttemptStarted, Event, HandlerEnded, PlanChanged
from .handler import Importance
from .limits import begin_limit, cancel_grace, deadline, latest_end
from .outcome import Outcome, Result, describe
from .plan import Plan
from .reports import Adopted, Began, Hurried, Raised, Refused, Report, Returned


class Run:
    """One run of one plan. Pure: it reads no clock and calls no handler. Not safe for threads."""

    def __init__(self, plan: Plan, chance: Callable[[], float]) -> None:
        """Take the *plan*; *chance* gives a number in [0, 1) for the jitter of retries."""
        self.results: dict[str, Result] = {}
        self._board = Board(plan)
        self._chance = chance
        self._alarms: list[tuple[float, int, Cell]] = []
        self._alarm = 0
        self._must_only = ""
        self._furthest = -1
        self._commands: list[Command] = []
        self._events: list[Event] = []

    @property
    def plan(self) -> Plan:
        """The plan that holds now."""
        return self._board.plan

    @property
    def finished(self) -> bool:
        """Whether every handler has ended."""
        return len(self.results) == len(self._board.cells)

    @property
    def wake_at(self) -> float | None:
        """When `advance` must be called at the latest, None if only a report can change anything."""
        while self._alarms and self._alarms[0][2].alarm != self._alarms[0][1]:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def begun(self, phase: str) -> bool:
        """Tell whether a handler of *phase*, or of a later one, is no longer waiting; any thread may ask."""
        phases = self.plan.graph.phases
        return phase in phases and phases.index(phase) <= self._furthest

    def running(self) -> list[str]:
        """Return the names of the handlers that have begun and not ended."""
        live = {State.RUNNING, State.CANCELLING}
        return [name for name, cell in self._board.cells.items() if cell.state in live]

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
        cell = self._board.cells.get(report.handler)
        # A late word of an attempt that was given up, or of a handler that has ended, changes nothing any more.
        if cell is None or cell.state in {State.ENDED, State.PAUSED} or cell.attempt != report.attempt:
            return
        match report:
            case Began():
                self._began(cell, report.at)
            case Returned():
                cell.error = ""
                self._end(cell, Input.RETURNED, report.at, Outcome.DONE)
            case Raised():
                self._raised(cell, report)
            case Refused():
                self._end(cell, Input.SKIP, report.at, Outcome.SKIPPED, report.reason)

    def _began(self, cell: Cell, at: float) -> None:
        self._move(cell, Input.BEGAN)
        cell.began = at
        if cell.started is None:
            cell.started = at
            cell.deadline = deadline(self.plan, cell.node, cell.handler, at)
        self._events.append(AttemptStarted(at, cell.handler.name, cell.attempt, cell.deadline))
        self._watch(cell)

    def _watch(self, cell: Cell) -> None:
        """Set the alarm that cancels the attempt, early enough that it can give way before its time is up."""
        limit = cell.handler.attempt_timeout
        until = cell.deadline if limit is None else min(cell.deadline, cell.began + limit)
        cancel_at = until - cancel_grace(until - cell.began)
        if cancel_at != cell.told:
            cell.told = cancel_at
            self._commands.append(Extend(cell.handler.name, cell.attempt, cancel_at))
        cell.until = until
        self._set_alarm(cell, cancel_at)

    def _raised(self, cell: Cell, report: Raised) -> None:
        error: BaseException = report.error
        cut = cell.state is State.CANCELLING
        limit = cell.handler.attempt_timeout
        own_limit = cut and not cell.hurried and limit is not None and cell.began + limit < cell.deadline
        if own_limit:
            error = TimeoutError(f"the attempt took longer than {limit} s")
        cell.error = describe(error)
        again = None
        if own_limit or not cut:
            latest = cell.deadline - (cell.handler.expected or report.at - cell.began)
            again = cell.handler.retry.next_start(error, cell.attempt, report.at, latest, self._chance)
        if again is not None:
            self._move(cell, Input.RETRY)
            cell.until = again
            self._events.append(AttemptFailed(report.at, cell.handler.name, cell.attempt, cell.error, again))
            self._set_alarm(cell, again)
            return
        outcome, reason = (Outcome.TIMED_OUT, cell.why) if cut else (Outcome.FAILED, "")
        self._end(cell, Input.FAILED, report.at, outcome, reason)

    def _adopt(self, now: float, plan: Plan) -> None:
        self._board.lay_out(plan)
        self._events.append(PlanChanged(now, plan))
        for cell in self._board.cells.values():
            self._refit(cell, now)

    def _refit(self, cell: Cell, now: float) -> None:
        """Give *cell* the time that the plan leaves it, which may be more or less than it had."""
        limit = latest_end(self.plan, cell.node, now)
        if cell.started is not None:
            limit = cell.deadline = deadline(self.plan, cell.node, cell.handler, cell.started)
        match cell.state:
            case State.QUEUED:
                self._set_alarm(cell, limit)
            case State.STARTING:
                cell.until = limit
                self._set_alarm(cell, min(limit, now + begin_limit(self.plan)))
            case State.RUNNING:
                self._watch(cell)
            case State.CANCELLING:
                cell.until = min(cell.until, self.plan.window.soft)
                self._set_alarm(cell, cell.until)
            case State.PAUSED if cell.until > limit:
                self._give_up(cell, now, "no time left")

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
                self._commands.append(Cancel(cell.handler.name, cell.attempt, reason, stuck=False))
                self._give_up(cell, now, reason)
            elif cell.state in {State.QUEUED, State.PAUSED}:
                self._give_up(cell, now, reason)

    def _give_up(self, cell: Cell, now: float, reason: str) -> None:
        outcome = Outcome.SKIPPED if cell.started is None else Outcome.FAILED
        self._end(cell, Input.SKIP, now, outcome, reason)

    # The order.

    def _release(self, now: float) -> None:
        """Start, queue or skip everything that has become ready."""
        while ready := self._board.take_ready():
            for cell in ready:
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
            self._set_alarm(cell, latest_end(self.plan, cell.node, now))

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

    def _hand_over(self, cell: Cell, now: float) -> None:
        cell.attempt += 1
        cell.until = latest_end(self.plan, cell.node, now) if cell.started is None else cell.deadline
        cell.told = cell.until
        # Its first line may ask already how long it has; the exact instant comes when it has begun.
        until = deadline(self.plan, cell.node, cell.handler, now) if cell.started is None else cell.deadline
        if cell.handler.attempt_timeout is not None:
            until = min(until, now + cell.handler.attempt_timeout)
        self._commands.append(Start(cell.handler, cell.attempt, until))
        self._set_alarm(cell, min(cell.until, now + begin_limit(self.plan)))

    # Time.

    def _set_alarm(self, cell: Cell, at: float) -> None:
        self._alarm += 1
        cell.alarm = self._alarm
        heapq.heappush(self._alarms, (at, self._alarm, cell))

    def _ring(self, now: float) -> None:
        while (wake := self.wake_at) is not None and wake <= now:
            cell = heapq.heappop(self._alarms)[2]
            cell.alarm = 0
            self._rung(cell, now)
            self._release(now)

    def _rung(self, cell: Cell, now: float) -> None:
        name = cell.handler.name
        match cell.state:
            case State.QUEUED:
                self._end(cell, Input.SKIP, now, Outcome.SKIPPED, f"no time left (lane {cell.handler.lane} busy)")
            case State.STARTING if now < cell.until:
                self._commands.append(Redirect(name, cell.attempt))
                self._set_alarm(cell, cell.until)
            case State.STARTING:
                self._commands.append(Cancel(name, cell.attempt, "never began", stuck=False))
                self._end(cell, Input.DEAF, now, Outcome.ABANDONED, "never began (loop blocked, or no worker free)")
            case State.RUNNING:
                self._cancel(cell, now, f"its {cell.until - cell.began:.2f} s are up")
            case State.CANCELLING:
                self._end(cell, Input.DEAF, now, Outcome.ABANDONED, f"{cell.why} and it does not give way")
            case State.PAUSED:
                self._move(cell, Input.READY)
                self._hand_over(cell, now)

    def _cancel(self, cell: Cell, now: float, why: str) -> None:
        self._move(cell, Input.TIME_UP)
        cell.why = why
        self._commands.append(Cancel(cell.handler.name, cell.attempt, why, stuck=True))
        # Asked in time, it has given way when its time is up; asked late, it has the same moment all the same.
        cell.until = min(self.plan.window.soft, now + cancel_grace(cell.until - cell.began))
        self._set_alarm(cell, cell.until)

    # The end of a handler.

    def _end(self, cell: Cell, told: Input, at: float, outcome: Outcome, reason: str = "") -> None:
        self._move(cell, told)
        cell.alarm = 0
        result = Result(cell.handler.name, outcome, reason, cell.started, at, cell.attempt, cell.error)
        self.results[cell.handler.name] = result
        self._events.append(HandlerEnded(at, result))
        self._board.leave(cell)
        self._board.passed(cell.node)

    def _move(self, cell: Cell, told: Input) -> None:
        if cell.state is State.WAITING:
            phases, phase = self.plan.graph.phases, cell.handler.phase
            # An unknown phase counts as the last.
            rank = phases.index(phase) if phase in phases else len(phases) - 1
            self._furthest = max(self._furthest, rank)
        cell.state = transition(cell.handler.name, cell.state, told)
