"""What the agent itself must know of a run: when it has to be over, when it is, and when the process is forced out."""

from __future__ import annotations

from collections.abc import Callable

from ..core.escalation import FORCE
from ..core.events import (
    AttemptStarted,
    Drained,
    Escalated,
    Event,
    NoticeHeard,
    PlanChanged,
    RunEnded,
    RunStarted,
    RunWithdrawn,
    Trouble,
)
from ..core.notice import Action, Notice
from ..core.outcome import Verdict
from ..core.window import Window
from .builtin import COMMAND

DRAINING, DRAINED, RESUMING, ENDING, ENDED = "draining", "drained", "resuming", "ending", "ended"
"""Where an end is."""
KEPT = 32
"""How many events are kept for the account of a crash."""


class RunWatch:
    """An observer that keeps what the main thread looks at, and wakes it."""

    def __init__(self, wake: Callable[[], object], hurry: Callable[[], object], force: Callable[[], object]) -> None:
        """
        Take whom to tell.

        Args:

            wake: Wakes the main thread, where there is something new for it to wait for.

            hurry: Called when a second interrupt comes after the command was asked to end.

            force: Called when the engine is about to end the process at once.
        """
        self.notice: Notice | None = None
        """What was heard first."""
        self.kill_at: float | None = None
        """When everything that is left must be killed, seconds on the monotonic clock; None while no run is on."""
        self.verdict: Verdict | None = None
        """How the run ended; None before that."""
        self.last: list[Event] = []
        """What happened last, for the account of a crash."""
        self.notices: list[Notice] = []
        """What was heard last."""
        self.state = ""
        """Where the end is, in a word; empty while nothing has begun."""
        self._wake = wake
        self._asked = False
        self._hurry = hurry
        self._force = force

    def observe(self, event: Event) -> None:
        """Take one event."""
        self.last = [*self.last[1 - KEPT :], event]
        self._note(event)
        match event:
            case NoticeHeard() if self.notice is None and event.notice.ends:
                self.notice = event.notice
            case NoticeHeard(notice=told) if told.action is Action.RESUME and self.kill_at is None:
                if self.notice is not None and told.key in {"", self.notice.key}:
                    # An end that was to begin later does not.
                    self.notice = None
            case RunStarted() if event.notice.ends:
                # What was to begin later has not begun it if something else did.
                self.notice = event.notice
                self._follow(event)
            case RunStarted() | PlanChanged() if self.notice is not None:
                self._follow(event)
            case RunWithdrawn():
                # Nobody is to be killed any more; and no plan that comes now is one of an end.
                self.notice, self.kill_at, self._asked = None, None, False
                self._wake()
            case RunEnded() if event.verdict is not Verdict.CANCELLED:
                self.verdict = event.verdict
                self._wake()
            case AttemptStarted(handler=handler):
                self._asked = self._asked or handler == COMMAND
            case Escalated(level=level) if level == FORCE:
                self._force()
            case Escalated() if self._asked:
                # Events come in order: one that is asked because of the hurry itself still has its time.
                self._hurry()
            case Trouble(code="internal"):
                self._force()
            case _:
                return

    def _follow(self, event: RunStarted | PlanChanged) -> None:
        self.kill_at = last_moment(event.plan.window)
        self._wake()

    def _note(self, event: Event) -> None:
        match event:
            case NoticeHeard(notice=notice):
                self.notices = [*self.notices[1 - KEPT :], notice]
                if notice.action is Action.STOP and self.state:
                    self.state = ENDING
            case RunStarted(notice=notice):
                self.state = ENDING if notice.ends else DRAINING
            case Drained():
                self.state = DRAINED
            case RunWithdrawn():
                self.state = RESUMING
            case RunEnded(verdict=verdict):
                self.state = "" if verdict is Verdict.CANCELLED else ENDED
            case _:
                return


def last_moment(window: Window) -> float:
    """Return when the agent kills what is left: late, but before its own last resorts end the agent itself."""
    return window.dump_at - window.margin
