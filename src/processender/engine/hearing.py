"""
What the control thread hears: signals, notices, and what other threads leave for it; and what each of them means.

Notices merge into one deadline. What they begin, move or take back is up to the coordinator, which stands on this.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..core.drain import BODY
from ..core.escalation import FORCE, HURRY, Escalation
from ..core.events import Escalated, Event, NoticeHeard, Trouble
from ..core.notice import Action, Deadline, Notice
from ..core.reports import Hurried, Report
from ..core.run import Run
from ..core.standing import Standing
from ..ports import Clock, Signals
from .mailbox import Mailbox
from .observers import Outlets

CHECK_S = 1.0
KEPT = 64
"""How many notices of different kinds and senders the record keeps; as many again of those that ask for the end."""
GLANCE_S = 0.25
"""How late a signal handler of the application may be called while its main thread waits for the end."""


class NoSignals:
    """Stands in for the source of signals where somebody else hears them."""

    lent = False

    def start(self) -> Sequence[Trouble]:
        """Take nothing, and so have nothing to tell; so do `host` and `ask`."""
        return ()

    host = ask = start

    def stop(self, *, deaf: bool = False) -> None:
        """Have nothing to give back, to take again or to pass on."""

    keep = rearm = pass_on = stop


class Hearing:
    """The half of the control thread that hears."""

    def __init__(self, clock: Clock, outlets: Outlets, escalation: Escalation, grace: float) -> None:
        """Hear nothing yet."""
        self.clock = clock
        self.outlets = outlets
        self.emit = outlets.emit
        self.grace = grace
        self.within: Callable[[float], object] = lambda _seconds: None
        """Is told how long the platform gives, by a source that knows."""
        self.run: Run | None = None
        self.notices: list[Notice] = []
        self.withdrawing = False
        """Whether a run was taken back, and what it had done is being undone."""
        self.left = False
        """Whether the application has left its body: it ends, whatever is taken back."""
        self.ended = threading.Event()
        """Set when the run is over and its report is written."""
        self.signals: Signals | None = None
        self.force: Callable[[int], object] = lambda _signum: None
        """Ends the process at once."""
        self.mailbox: Mailbox[Notice | Report | None] = Mailbox()
        self._escalation = escalation
        self._news: list[Event] = []
        self._heard: deque[Notice] = deque()
        self._later: deque[Notice] = deque()
        self._attending = False
        self._standing = Standing()
        self._deadline: Deadline | None = None
        self._start_at: tuple[float, Notice] | None = None
        self._check_at = 0.0

    # From any thread.

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

    def await_end(self) -> None:
        """Wait until the run is over."""
        # A signal that comes just before a thread blocks in a lock leaves it asleep, and a handler of the application's
        # own, which the run may wait for, would never be called.
        while not self.ended.wait(GLANCE_S):
            continue

    # On the control thread.

    def _hear_signals(self) -> None:
        told = self.mailbox.bytes()
        if self.signals is None:
            return
        for byte in (*told, *self.signals.missed()):
            notice = self.signals.hear(byte)
            if notice is not None:
                self._heard.append(notice)
        self._attend()

    def _attend(self) -> None:
        """Act on what was heard, one notice after another; what is heard meanwhile stands behind it."""
        if self._attending:
            return
        self._attending = True
        try:
            while True:
                if self._later and not self.withdrawing:
                    self._take_in(self._later.popleft())
                elif self._heard:
                    self._signal(self._heard.popleft())
                else:
                    return
        finally:
            self._attending = False

    @property
    def _unheard(self) -> bool:
        """Whether something is still to be acted on."""
        return bool(self._heard or self._later or self.mailbox.waiting)

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

    def _check(self) -> None:
        if self.signals is not None and (now := self.clock.now()) >= self._check_at:
            self._check_at = now + CHECK_S
            self.emit(*self.signals.check())

    def _hear(self, notice: Notice) -> None:
        if self.withdrawing or self._later:
            # What has run is still being undone; then the end begins anew, and its time counts from the notice.
            self._later.append(notice)
        else:
            self._take_in(notice)

    def _take_in(self, notice: Notice) -> None:
        if notice.origin == BODY:
            self.left = True
            if self.run is not None and not self.run.held:
                # It is the end that has let it go.
                return
        # Ten thousand repetitions of one signal are one notice; the record keeps the first of each kind and sender.
        told = [(old.cause, old.deadline, old.sender, old.key) for old in self.notices]
        room = len(told) < (2 * KEPT if notice.ends else KEPT)
        if (notice.cause, notice.deadline, notice.sender, notice.key) not in told and room:
            self.notices.append(notice)
            self._news.append(NoticeHeard(notice.at, notice))
        self._act_on(notice)
        self._tell_news()

    def _act_on(self, notice: Notice) -> None:
        if notice.action is Action.ADVISE or self.ended.is_set():
            return
        if notice.action is Action.RESUME:
            self._withdraw(notice)
            return
        self._standing.take(notice, self.grace)
        if notice.action is Action.DRAIN:
            if self.run is None:
                self._begin(notice)
            return
        self._follow(notice)

    def _follow(self, notice: Notice) -> None:
        """Do what follows from all that stands, after *notice* has changed it."""
        before, self._deadline = self._deadline, self._standing.deadline(self.grace)
        if before is not None and self._deadline is not None:
            # An end that was to begin later may begin now.
            self._deadline = self._deadline.replace(opened=min(before.opened, self._deadline.opened))
        if self.run is not None and not self.run.held:
            if before != self._deadline:
                self._move_window()
        elif notice.action is Action.STOP:
            self._begin(notice)
        else:
            self._schedule(notice.at)

    def _schedule(self, now: float) -> None:
        """Begin when the deadline leaves just the grace, or not at all any more."""
        deadline, self._start_at = self._deadline, None
        if deadline is not None:
            first = min(self._standing.ends, key=lambda each: deadline.at if each.deadline is None else each.deadline)
            start = max(now, deadline.at - self.grace)
            self._start_at, self._deadline = (start, first), deadline.replace(opened=start)

    def _withdraw(self, notice: Notice) -> None:
        """Take back what *notice* names; what others have asked for stands."""
        if not self._standing.has(notice):
            return
        rest = self._standing.without(notice)
        leaves = self.run is not None and self.run.held
        if rest.ends or (leaves and rest.drains):
            self._standing = rest
            self._follow(notice)
            return
        if self.run is None or (self.run.withdrawable and not self.left):
            # Who has asked only to leave traffic, beside an end that is none any more, is heard anew.
            self._later += rest.drains
            self._standing = Standing()
        self._take_back(notice)

    def _tell_news(self) -> None:
        self.emit(*self._news)
        self._news.clear()

    # What it means, for the coordinator.

    def _begin(self, notice: Notice) -> None:
        """Begin a run, or go on with one that holds."""
        raise NotImplementedError

    def _move_window(self) -> None:
        """Let the run have another deadline."""
        raise NotImplementedError

    def _take_back(self, notice: Notice) -> None:
        """Take the run back, if that is still possible."""
        raise NotImplementedError

    def _advance(self, reports: Sequence[Report]) -> None:
        """Let the run take what has happened."""
        raise NotImplementedError
