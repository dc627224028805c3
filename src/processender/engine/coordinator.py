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

from ..core.escalation import FORCE, HURRY, Escalation
from ..core.events import Escalated, Event, HandlerEnded, NoticeHeard, RunEnded, RunStarted, Trouble
from ..core.notice import Action, Deadline, Notice, merge
from ..core.outcome import Outcome, Verdict, describe, verdict
from ..core.plan import Plan
from ..core.reports import Adopted, Hurried, Report
from ..core.run import Run
from ..core.window import Window
from ..ports import Clock, Signals
from .executor import Executor
from .mailbox import Mailbox
from .observers import Outlets
from .registry import Registry
from .watchdog import Watchdog

SWITCH_INTERVAL_S = 0.0005
CHECK_S = 1.0
CLOSE_S = 0.5
BEFORE_EFFECT_S = 0.05
BEFORE_EFFECT_SHARE = 0.02


class Coordinator:
    """The control thread of one Ender and everything that belongs to one life of it."""

    def __init__(
        self, registry: Registry, clock: Clock, outlets: Outlets, escalation: Escalation, grace: float, run_id: str,
        *, last_resorts: bool = True
    ) -> None:  # fmt: skip
        """Nothing runs before `start`; without *last_resorts* the end of the run is not that of the process."""
        self.clock = clock
        self.registry = registry
        self.outlets = outlets
        self.emit = outlets.emit
        self.executor = Executor(clock, self.report, outlets.emit)
        self.watchdog = Watchdog(clock)
        self.grace = grace
        self.run_id = run_id
        self.run: Run | None = None
        self.notices: list[Notice] = []
        self.window: Window | None = None
        self.verdict: Verdict | None = None
        self.begun = threading.Event()
        """Set when a run has begun."""
        self.ended = threading.Event()
        """Set when the run is over and its report is written."""
        self.signals: Signals | None = None
        self.force: Callable[[int], object] = lambda _signum: None
        """Ends the process at once."""
        self.leave: Callable[[], object] = lambda: None
        """Is called when the run is over, before those that wait for it go on."""
        self.changing = threading.RLock()
        """Held while handlers come or go: meanwhile the run neither starts its first one nor comes to its end."""
        self.over = False
        self._escalation = escalation
        self._last_resorts = last_resorts
        self._lock = threading.Lock()
        self._at_end: list[Callable[[], object]] = []
        self._closed = False
        self._news: list[Event] = []
        self._deadline: Deadline | None = None
        self._start_at: tuple[float, Notice] | None = None
        self.mailbox: Mailbox[Notice | Report | None] = Mailbox()
        self._check_at = 0.0
        self._thread = threading.Thread(target=self._main, name="processender-control", daemon=True)
        self._switch_interval = sys.getswitchinterval()

    # From any thread.

    def start(self) -> None:
        """Start the control thread."""
        self._check_at = self.clock.now() + CHECK_S
        self._thread.start()

    def notify(self, notice: Notice) -> None:
        """Take a notice; returns at once."""
        self.mailbox.put([notice])

    def report(self, reports: Sequence[Report], *, wake: bool = True) -> None:
        """Take what became of commands; returns at once."""
        self.mailbox.put(reports, wake=wake)

    def replan(self) -> None:
        """Plan anew, because handlers came or went; returns at once."""
        self.mailbox.put([None])

    def trouble(self, code: str, text: str) -> None:
        """Tell the observers that something could not be done."""
        self.emit(Trouble(self.clock.now(), code, text))

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
        times = [time for time in (check, start, wake) if time is not None]
        return min(times) - self.clock.now() if times else None

    def _hear_signals(self) -> None:
        told = self.mailbox.bytes()
        if self.signals is None:
            return
        for byte in (*told, *self.signals.missed()):
            notice = self.signals.hear(byte)
            if notice is not None:
                self._signal(notice)

    def _signal(self, notice: Notice) -> None:
        level = self._escalation.level(notice.signum, notice.at)
        if level == FORCE:
            self.emit(Escalated(notice.at, level, notice.signum))
            self.force(notice.signum)
        elif level == HURRY and self.run is not None:
            self.emit(Escalated(notice.at, level, notice.signum))
            self._advance([Hurried(f"hurried by {notice.cause}")])
        elif level:
            self._hear(notice)

    def _take_messages(self) -> None:
        messages = self.mailbox.take()
        reports: list[Report] = []
        for message in messages:
            if isinstance(message, Notice):
                self._signal(message)
            elif message is not None:
                reports.append(message)
        if None in messages and self.window is not None:
            reports.append(Adopted(self._plan(self.window)))
        if reports:
            self._advance(reports)

    def _check(self) -> None:
        if self.signals is not None and (now := self.clock.now()) >= self._check_at:
            self._check_at = now + CHECK_S
            self.emit(*self.signals.check())

    def _hear(self, notice: Notice) -> None:
        # Ten thousand repetitions of one signal are one notice; the record keeps the first of each kind.
        if not any((old.cause, old.deadline) == (notice.cause, notice.deadline) for old in self.notices):
            self.notices.append(notice)
            self._news.append(NoticeHeard(notice.at, notice))
        self._act_on(notice)
        self._tell_news()

    def _act_on(self, notice: Notice) -> None:
        if notice.action is Action.ADVISE or self.ended.is_set():
            return
        before, self._deadline = self._deadline, merge(self._deadline, notice, self.grace)
        if self.run is None:
            self._schedule(notice)
        elif before != self._deadline:
            self._move_window()

    def _tell_news(self) -> None:
        self.emit(*self._news)
        self._news.clear()

    def _schedule(self, notice: Notice) -> None:
        deadline = self._deadline
        if notice.action is Action.STOP_BY and deadline is not None:
            start = max(notice.at, deadline.at - self.grace)
            if self._start_at is None or start < self._start_at[0]:
                self._start_at = (start, notice)
                self._deadline = deadline.replace(opened=start)
            return
        self._begin(notice)

    def _move_window(self) -> None:
        assert self._deadline is not None  # a notice was heard
        self.window = Window.of(self._deadline)
        self._arm_last_resorts(self.window)
        self._advance([Adopted(self._plan(self.window))])

    def _plan(self, window: Window) -> Plan:
        ended = {} if self.run is None else self.run.results
        return self.registry.plan(window, {name: result.ended - window.opened for name, result in ended.items()})

    def _begin(self, notice: Notice) -> None:
        if self.run is not None or self._deadline is None:
            return
        self._start_at = None
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.window = window = Window.of(self._deadline)
        self._arm_last_resorts(window)
        plan = self._plan(window)
        self.executor.begin(self.run_id, notice.cause)
        self.run = Run(plan, self.clock.chance)
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

    def _arm_last_resorts(self, window: Window) -> None:
        why_not = self.watchdog.arm(window) if self._last_resorts else ""
        if why_not:
            self.trouble("last-resort", why_not)

    def _advance(self, reports: Sequence[Report]) -> None:
        run = self.run
        if run is None or self.ended.is_set():
            return
        commands, events = run.advance(self.clock.now(), reports)
        self.emit(*events)
        self.emit(*self.executor.carry_out(commands))
        for event in events:
            if isinstance(event, HandlerEnded) and event.result.outcome is Outcome.ABANDONED:
                self.executor.give_up(event.result.handler)
        if run.finished:
            with self.changing:
                # A handler may be on its way into the run.
                self.over = not self.mailbox.waiting
            if self.over:
                self._finish(run)
            else:
                self.mailbox.wake()

    def _finish(self, run: Run) -> None:
        window, now = self.window, self.clock.now()
        assert window is not None  # a run has begun
        self.verdict = verdict(run.results.values())
        self.emit(RunEnded(now, self.run_id, self.verdict, now - window.opened))
        # The other half is for the streams, should the process not go the ordinary way.
        self.outlets.flush(now + min(window.reserve, window.dump_at - now) / 2)
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
