"""What the agent itself must know of a run: when it has to be over, when it is, and when the process is forced out."""

from __future__ import annotations

import threading
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
from ..demand import load
from ..engine.clock import SystemClock
from ..hints import Any
from .builtin import COMMAND
from .settings import Settings

DRAINING, DRAINED, RESUMING, ENDING, ENDED = "draining", "drained", "resuming", "ending", "ended"
"""Where an end is."""
KEPT = 32
"""How many events are kept for the account of a crash."""


PATIENCE_S = 0.5
"""How long a run is on before it is shown."""
_STORY, _STDERR, _GIVE_BACK_S = 1000, 2, 0.5


class Story:
    """What happens in the run that is on: as events until somebody wants to see it, and shown when it takes long."""

    def __init__(self) -> None:
        """Begin with no run, which nobody is shown."""
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._course: Any = None
        self._shown = False
        self._others: Callable[[], Any] = lambda: ()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, settings: Settings, others: Callable[[], Any]) -> None:
        """Show runs as *settings* say, with the courses of the *others* that have joined."""
        self._shown, self._others = settings.verbosity >= 0 and not settings.json_lines, others

    def take(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            if self._course is not None:
                self._course.take(event)
            elif self._events or isinstance(event, RunStarted):
                self._events.append(event)
            many = len(self._events) >= _STORY
        if many:
            self._made()
        if isinstance(event, RunStarted) and self._shown:
            self._begin()
        elif isinstance(event, RunEnded) or (isinstance(event, Escalated) and event.level == FORCE):
            self._end()

    def whole(self) -> dict[str, Any]:
        """Return the course of the run as data, see `live.course`; empty before the first."""
        if self._course is None and not self._events:
            return {}
        whole: dict[str, Any] = self._made().whole()
        others = self._others()
        return load("live.course").with_joined(whole, others) if others else whole

    def _made(self) -> Any:
        """Return the course, which is made when somebody wants to see it first: a run that is short needs none."""
        made = load("live.course").Course()
        with self._lock:
            if self._course is None:
                for event in self._events:
                    made.take(event)
                self._course, self._events = made, []
            return self._course

    def _begin(self) -> None:
        self._end()
        self._over = over = threading.Event()
        thread = threading.Thread(target=self._show, args=(over,), name="processender-progress", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # There is no thread left; the run matters more than its picture.
            return
        self._thread = thread

    def _show(self, over: threading.Event) -> None:
        if not over.wait(PATIENCE_S):
            load("live.view").show(self.whole, over, _STDERR, SystemClock())

    def _end(self) -> None:
        """Let the terminal be given back before anybody ends the process."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(_GIVE_BACK_S)
            self._thread = None


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
        self.story = Story()
        """What happens in the run that is on."""
        self._wake = wake
        self._asked = False
        self._hurry = hurry
        self._force = force

    def observe(self, event: Event) -> None:
        """Take one event."""
        self.last = [*self.last[1 - KEPT :], event]
        self.story.take(event)
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


class Watched:
    """The half of an engine that tells where its run is."""

    _watch: RunWatch
    _clock: SystemClock

    @property
    def state(self) -> str:
        """Where the end is, in a word; empty while nothing has begun."""
        return self._watch.state

    @property
    def notices(self) -> list[Notice]:
        """What was heard last."""
        return list(self._watch.notices)

    @property
    def kill_at(self) -> float | None:
        """When everything that is left must be killed, seconds on the monotonic clock; None while no run is on."""
        return self._watch.kill_at

    @property
    def out_of_time(self) -> bool:
        """Whether a run should have been over: an alarm before that is not ours, but was set before an `exec`."""
        return self.kill_at is not None and self._clock.now() >= self.kill_at

    @property
    def verdict(self) -> Verdict | None:
        """How the run has ended; None before that."""
        return self._watch.verdict

    @property
    def notice(self) -> Notice | None:
        """What was heard first, None before that."""
        return self._watch.notice

    @property
    def signum(self) -> int:
        """The number of the signal that began the end, 0 if none did."""
        return self._watch.notice.signum if self._watch.notice is not None else 0

    def course(self) -> dict[str, Any]:
        """Return the course of the run that is on, or was, as data; empty before the first."""
        return self._watch.story.whole()


def last_moment(window: Window) -> float:
    """Return when the agent kills what is left: late, but before its own last resorts end the agent itself."""
    return window.dump_at - window.margin
