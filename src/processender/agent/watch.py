"""What the agent itself must know of a run: when it has to be over, when it is, and when the process is forced out."""

from __future__ import annotations

from collections.abc import Callable

from ..core.escalation import FORCE
from ..core.events import AttemptStarted, Escalated, Event, NoticeHeard, PlanChanged, RunEnded, RunStarted, Trouble
from ..core.notice import Notice
from ..core.outcome import Verdict
from ..core.window import Window
from .builtin import COMMAND

KEPT = 32
"""How many events are kept for the account of a crash."""


class RunWatch:
    """An observer that keeps what the main thread looks at, and wakes it."""

    def __init__(self, wake: Callable[[], object], hurry: Callable[[], object], force: Callable[[], object]) -> None:
        """
        Take whom to tell.

        Args:

            wake: Wakes the main thread.

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
        self._wake = wake
        self._asked = False
        self._hurry = hurry
        self._force = force

    def observe(self, event: Event) -> None:
        """Take one event."""
        self.last = [*self.last[1 - KEPT :], event]
        match event:
            case NoticeHeard() if self.notice is None:
                self.notice = event.notice
            case RunStarted() | PlanChanged():
                self.kill_at = last_moment(event.plan.window)
            case RunEnded():
                self.verdict = event.verdict
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
        self._wake()


def last_moment(window: Window) -> float:
    """Return when the agent kills what is left: late, but before its own last resorts end the agent itself."""
    return window.dump_at - window.margin
