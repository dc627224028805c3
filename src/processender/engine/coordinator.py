"""
The control thread: it hears the notices, keeps the time, and carries the run through.

Theory of operation. Everything comes through one pipe and one inbox: signals write their number into the pipe, other
threads put a message into the inbox and write a zero. The thread needs neither the main thread nor an event loop, so a
notice is acted upon while both are blocked. It waits for nothing without a limit: handlers run on drivers, observers on
threads of their own, and files are written by observers. Only it touches the run. While a run is on, the interpreter's
switch interval is short: a busy main thread would keep the lock 5 ms each time that this one gives it up.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence

from ..core.escalation import Escalation
from ..core.events import Drained, Event, HandlerEnded, PlanChanged, RunEnded, RunStarted, RunWithdrawn, Trouble
from ..core.handler import DRAIN
from ..core.notice import Action, Notice, merge
from ..core.outcome import Outcome, Verdict, describe, verdict
from ..core.plan import Plan
from ..core.reports import Adopted, Released, Report, Withdrawn
from ..core.run import Run
from ..core.window import Window
from ..core.withdraw import undo_plan
from ..demand import load
from ..hints import Any
from ..ports import Clock
from .clock import new_id
from .executor import Executor
from .hearing import CHECK_S, Hearing
from .observers import Outlets
from .registry import Registry
from .watchdog import Watchdog

SWITCH_INTERVAL_S = 0.0005
CLOSE_S = 0.5
BEFORE_EFFECT_S = 0.05
BEFORE_EFFECT_SHARE = 0.02


class Coordinator(Hearing):
    """The control thread of one Ender and everything that belongs to one life of it."""

    def __init__(
        self, registry: Registry, clock: Clock, outlets: Outlets, escalation: Escalation, grace: float, run_id: str,
        *, last_resorts: bool = True
    ) -> None:  # fmt: skip
        """Nothing runs before `start`; without *last_resorts* the end of the run is not that of the process."""
        super().__init__(clock, outlets, escalation, grace)
        self.registry = registry
        self.executor = Executor(clock, self.report, outlets.emit)
        self.watchdog = Watchdog(clock)
        self.run_id = run_id
        self.window: Window | None = None
        self.verdict: Verdict | None = None
        self.begun = threading.Event()
        """Set when the end has begun; a drain is not the end."""
        self.drained = False
        """Whether traffic is left, and the run waits there."""
        self.leave: Callable[[], object] = lambda: None
        """Is called when the run is over, before those that wait for it go on."""
        self.kept: Callable[[float, float, bool], Event] | None = None
        """Makes what those who keep the record are told of how long that took; None where nobody learns from it."""
        self.changing = threading.RLock()
        """Held while handlers come or go: meanwhile the run neither starts its first one nor comes to its end."""
        self.over = False
        self._adapting: Any = None
        self._last_resorts = last_resorts
        self._lock = threading.Lock()
        self._at_end: list[Callable[[], object]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._main, name="processender-control", daemon=True)
        self._switch_interval = sys.getswitchinterval()

    # From any thread.

    def start(self) -> None:
        """Start the control thread."""
        self._check_at = self.clock.now() + CHECK_S
        self._thread.start()

    def when_ended(self, function: Callable[[], object]) -> None:
        """Let *function*, which may not block, be called when the run is over; at once if it is."""
        with self._lock:
            if not self.ended.is_set():
                self._at_end.append(function)
                return
        function()

    def close(self, *, keep_pipe: bool) -> None:
        """End the threads that are free; to be called when the run is over and its signals are given back."""
        self._closed = True
        self.mailbox.wake()
        self._thread.join(CLOSE_S)
        self.executor.close()
        self.outlets.close()
        if not keep_pipe:
            self.mailbox.close()

    # On the control thread.

    def _main(self) -> None:
        while not self._closed:
            self.mailbox.wait(self._patience())
            try:
                self._turn()
            except Exception as error:  # a bug here must not leave a process that never ends
                self.trouble("internal", f"a bug in ProcessEnder: {describe(error)}; please report it")
                if self._deadline is not None:
                    self.outlets.flush(self.clock.now() + BEFORE_EFFECT_S)
                    self.force(0)

    def _turn(self) -> None:
        self._hear_signals()
        self._take_messages()
        self._check()
        if self._start_at is not None and self._start_at[0] <= self.clock.now():
            self._begin(self._start_at[1])
        self._advance(())

    def _patience(self) -> float | None:
        check = self._check_at if self.signals is not None else None
        start = self._start_at[0] if self._start_at is not None else None
        wake = self.run.wake_at if self.run is not None else None
        surprise = None if self._adapting is None else self._adapting.wake_at
        times = [time for time in (check, start, wake, surprise) if time is not None]
        return min(times) - self.clock.now() if times else None

    def _take_messages(self) -> None:
        messages = self.mailbox.take()
        reports: list[Report] = []
        for message in messages:
            if isinstance(message, Notice):
                self._heard.append(message)
            elif message is not None:
                reports.append(message)
        self._attend()
        if None in messages and self.window is not None and not self.withdrawing:
            reports.append(Adopted(self._plan(self.window)))
        if reports:
            self._advance(reports)

    def _move_window(self) -> None:
        assert self._deadline is not None  # a notice was heard
        self.window = Window.of(self._deadline, self.registry.reserve)
        self._arm_last_resorts(self.window)
        self._advance([Adopted(self._plan(self.window))])

    def _plan(self, window: Window) -> Plan:
        """Return the plan for *window*, from where the run stands if it has begun."""
        if self.run is None:
            return self.registry.plan(window)
        return self.registry.plan(window, self.run.progress(self.clock.now(), window.opened), self.run.plan)

    def _look_out(self) -> None:
        """Look out for surprises from now on; of times of which nothing is known, nothing can be a surprise."""
        self._adapting = load("engine.adapting").Adapting(self.registry) if self.registry.informed else None

    def _begin(self, notice: Notice) -> None:
        holds = notice.action is Action.DRAIN
        if self.run is not None:
            if self.run.held and not holds:
                self._go_on(notice)
            return
        deadline = merge(None, notice, self.grace) if holds else self._deadline
        if deadline is None:
            return
        self.window = window = Window.of(deadline, self.registry.reserve)
        if not holds:
            self._hasten(window)
        plan = self._plan(window)
        self._look_out()
        self.executor.begin(self.run_id, notice.cause)
        self.run = Run(plan, self.clock.chance, DRAIN if holds else "", self.run_id)
        if not holds:
            self.begun.set()
        # One hand-over for both: each wakes the observers, which then want the interpreter's lock.
        self._news.append(RunStarted(self.clock.now(), self.run_id, notice, plan))
        self._tell_news()
        self.emit(*(Trouble(window.opened, problem.code, problem.text) for problem in plan.problems))
        # The provisional report comes before the first effect, unless the disk makes the clean-up wait.
        patience = min(BEFORE_EFFECT_S, BEFORE_EFFECT_SHARE * window.length)
        if not self.outlets.flush(self.clock.now() + patience, before_effect=True):
            text = f"the first record took longer than {patience:.3f} s; the run goes on without it"
            self.trouble("unrecorded", text)
        with self.changing:
            # What was added until now belongs into the order before anything starts.
            self._take_messages()
            self._advance(())

    def _hasten(self, window: Window) -> None:
        self._start_at = None
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._arm_last_resorts(window)

    def _go_on(self, notice: Notice) -> None:
        """Let the run that holds behind the drain go on to the end, in the window of *notice*."""
        assert self._deadline is not None  # a notice was heard
        self._tell_news()
        self.drained = False
        self.window = window = Window.of(self._deadline, self.registry.reserve)
        self._hasten(window)
        self.executor.begin(self.run_id, notice.cause)
        self.begun.set()
        self._look_out()
        self._advance([Released(), Adopted(self._plan(window))])

    # Taking it back.

    def _take_back(self, notice: Notice) -> None:
        run = self.run
        if run is None:
            # An end that was to begin later does not begin.
            self._start_at = self._deadline = None
        elif self.left or not run.withdrawable:
            why = "the application has left" if self.left else "the end has gone beyond the drain"
            self.trouble("too-late", f"{notice.cause} comes too late: {why}, and the end goes on")
        else:
            self._tell_news()
            # Nobody looks any more at when it is late.
            self.withdrawing, self.drained, self._adapting = True, False, None
            self._start_at = self._deadline = None
            self.watchdog.disarm()
            self.emit(RunWithdrawn(self.clock.now(), self.run_id, notice))
            self._advance([Withdrawn(f"withdrawn: {notice.cause}")])

    def _undo(self, run: Run) -> None:
        """Undo what *run*, which was taken back, has done; when that is over, be as if nothing had been heard."""
        now, window = self.clock.now(), self.window
        assert window is not None  # a run has begun
        limit = Window.open(now, self.grace)
        plan = undo_plan(run.plan, run.results, self.registry.planner, limit)
        if plan is not None:
            self.run = Run(plan, self.clock.chance, name=f"{self.run_id} taken back")
            self.emit(PlanChanged(now, plan))
            self._advance(())
            return
        self.emit(RunEnded(now, self.run_id, Verdict.CANCELLED, now - window.opened))
        self.outlets.flush(now + BEFORE_EFFECT_S)
        sys.setswitchinterval(self._switch_interval)
        self.begun.clear()
        self._escalation.forget()
        self.run, self.window, self.withdrawing = None, None, False
        self.notices.clear()
        self.run_id = new_id(self.clock.wall())
        self._attend()

    def _arm_last_resorts(self, window: Window) -> None:
        why_not = self.watchdog.arm(window) if self._last_resorts else ""
        if why_not:
            self.trouble("last-resort", why_not)

    def _advance(self, reports: Sequence[Report]) -> None:
        run = self.run
        if run is None or self.ended.is_set():
            return
        review = None if self._adapting is None else self._adapting.review(run)
        commands, events = run.advance(self.clock.now(), reports, review)
        self.emit(*events)
        self.emit(*self.executor.carry_out(commands))
        for event in events:
            if isinstance(event, HandlerEnded) and event.result.outcome is Outcome.ABANDONED:
                self.executor.give_up(event.result.handler)
        if run.waits and not self.drained:
            self.drained = True
            self.emit(Drained(self.clock.now(), self.run_id))
        if run.finished and self.withdrawing:
            self._undo(run)
        elif run.finished:
            with self.changing:
                # A handler may be on its way into the run.
                self.over = not self._unheard
            if self.over:
                self._finish(run)
            else:
                self.mailbox.wake()

    def _finish(self, run: Run) -> None:
        window, now = self.window, self.clock.now()
        assert window is not None  # a run has begun
        self.verdict = verdict(run.results.values())
        self.emit(RunEnded(now, self.run_id, self.verdict, now - window.opened))
        self.outlets.settle(window, self.kept)
        sys.setswitchinterval(self._switch_interval)
        self.leave()
        with self._lock:
            self.ended.set()
            functions, self._at_end = self._at_end, []
        for function in functions:
            function()

    @property
    def abandoned(self) -> bool:
        """Whether a handler was given up that may still be running."""
        results = {} if self.run is None else self.run.results
        return any(result.outcome is Outcome.ABANDONED for result in results.values())
