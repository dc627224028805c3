"""
One handler of a run: how its attempts begin, fail, are repeated, are cut short, and end.

Only `_move` changes the state of a cell, and only along `TRANSITIONS`. Whatever has a time limit has its alarm.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import StillRunning
from .alarms import Alarms
from .board import Board
from .cells import Cell, Input, State, transition
from .commands import Cancel, Command, Extend, Redirect, Start
from .events import AttemptFailed, AttemptStarted, Event, HandlerEnded, HandlerStuck
from .limits import begin_limit, cancel_grace, deadline, latest_end
from .outcome import Outcome, Result, describe
from .plan import Plan, Progress
from .reports import Raised


class Attempts:
    """The half of a run that knows what becomes of each cell; pure."""

    def __init__(self, plan: Plan, chance: Callable[[], float], name: str = "") -> None:
        """Take the *plan*; *chance* gives a number in [0, 1) for the jitter of retries; *name* is that of the run."""
        self.name = name
        self.results: dict[str, Result] = {}
        self._board = Board(plan)
        self._chance = chance
        self._alarms = Alarms()
        self._furthest = -1
        self._commands: list[Command] = []
        self._events: list[Event] = []

    @property
    def plan(self) -> Plan:
        """The plan that holds now."""
        return self._board.plan

    def begun(self, phase: str) -> bool:
        """Tell whether a handler of *phase*, or of a later one, is no longer waiting; any thread may ask."""
        phases = self.plan.graph.phases
        return phase in phases and phases.index(phase) <= self._furthest

    def running(self) -> list[str]:
        """Return the names of the handlers that have begun and not ended."""
        live = {State.RUNNING, State.CANCELLING}
        return [name for name, cell in self._board.cells.items() if cell.state in live]

    def progress(self, now: float, opened: float | None = None) -> Progress:
        """Return where the run stands at the instant *now*, in a window that opened at *opened*; its own if None."""
        opened = self.plan.window.opened if opened is None else opened
        # What a drain has done lies before the window.
        ended = {name: max(0.0, result.ended - opened) for name, result in self.results.items()}
        failed = [name for name, result in self.results.items() if result.outcome is not Outcome.DONE]
        begun = {
            name: cell.started - opened
            for name, cell in self._board.cells.items()
            if cell.started is not None and cell.state is not State.ENDED
        }
        sizes = {name: cell.size for name, cell in self._board.cells.items() if cell.size is not None}
        return Progress(ended, frozenset(failed), begun, max(0.0, now - opened), sizes)

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
        self._alarms.set(cell, cancel_at)

    def _raised(self, cell: Cell, report: Raised) -> None:
        error: BaseException = report.error
        if isinstance(error, StillRunning):
            self._events.append(HandlerStuck(report.at, cell.handler.name, str(error), error.stack))
            self._end(cell, Input.FAILED, report.at, Outcome.ABANDONED, str(error))
            return
        # Who looks at the time by itself may come before whoever asks it to give way.
        cut = cell.state is State.CANCELLING or (isinstance(error, TimeoutError) and report.at >= cell.told)
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
            self._alarms.set(cell, again)
            return
        outcome, reason = (Outcome.TIMED_OUT, cell.why or _up(cell)) if cut else (Outcome.FAILED, "")
        self._end(cell, Input.FAILED, report.at, outcome, reason)

    def _refit(self, cell: Cell, now: float) -> None:
        """Give *cell* the time that the plan leaves it, which may be more or less than it had."""
        limit = latest_end(self.plan, cell.node, now)
        if cell.started is not None:
            limit = cell.deadline = deadline(self.plan, cell.node, cell.handler, cell.started)
        match cell.state:
            case State.QUEUED:
                self._alarms.set(cell, limit)
            case State.STARTING:
                cell.until = limit
                self._alarms.set(cell, min(limit, now + begin_limit(self.plan)))
            case State.RUNNING:
                self._watch(cell)
            case State.CANCELLING:
                cell.until = min(cell.until, self.plan.window.soft)
                self._alarms.set(cell, cell.until)
            case State.PAUSED if cell.until > limit:
                self._give_up(cell, now, "no time left")

    def _give_up(self, cell: Cell, now: float, reason: str) -> None:
        outcome = Outcome.SKIPPED if cell.started is None else Outcome.FAILED
        self._end(cell, Input.SKIP, now, outcome, reason)

    def _hand_over(self, cell: Cell, now: float) -> None:
        cell.attempt += 1
        cell.until = latest_end(self.plan, cell.node, now) if cell.started is None else cell.deadline
        cell.told = cell.until
        # Its first line may ask already how long it has; the exact instant comes when it has begun.
        until = deadline(self.plan, cell.node, cell.handler, now) if cell.started is None else cell.deadline
        if cell.handler.attempt_timeout is not None:
            until = min(until, now + cell.handler.attempt_timeout)
        self._commands.append(Start(cell.handler, cell.attempt, until, self.name))
        self._alarms.set(cell, min(cell.until, now + begin_limit(self.plan)))

    def _rung(self, cell: Cell, now: float) -> None:
        name = cell.handler.name
        match cell.state:
            case State.QUEUED:
                self._end(cell, Input.SKIP, now, Outcome.SKIPPED, f"no time left (lane {cell.handler.lane} busy)")
            case State.STARTING if now < cell.until:
                self._commands.append(Redirect(name, cell.attempt))
                self._alarms.set(cell, cell.until)
            case State.STARTING:
                self._commands.append(Cancel(name, cell.attempt, "never began", stuck=False))
                self._end(cell, Input.DEAF, now, Outcome.ABANDONED, "never began (loop blocked, or no worker free)")
            case State.RUNNING:
                self._cancel(cell, now, _up(cell))
            case State.CANCELLING:
                self._end(cell, Input.DEAF, now, Outcome.ABANDONED, f"{cell.why} and it does not give way")
            case State.PAUSED:
                self._move(cell, Input.READY)
                self._hand_over(cell, now)

    def _cancel(self, cell: Cell, now: float, why: str, *, quiet: bool = False) -> None:
        self._move(cell, Input.TIME_UP)
        cell.why = why
        self._commands.append(Cancel(cell.handler.name, cell.attempt, why, stuck=True, quiet=quiet))
        # Asked in time, it has given way when its time is up; asked late, it has the same moment all the same.
        cell.until = min(self.plan.window.soft, now + cancel_grace(cell.until - cell.began))
        self._alarms.set(cell, cell.until)

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


def _up(cell: Cell) -> str:
    return f"its {cell.until - cell.began:.2f} s are up"
