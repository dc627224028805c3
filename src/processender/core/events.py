"""
Everything observable, as frozen records; what begins also ends, and the end has the time it took and the error.

The union `Event` is closed: a consumer that matches on it ends with `assert_never`, so a new event cannot be forgotten.
A room above the core adds its own as subclasses of `RoomEvent`, each with its `key`, its `text` and its `words`.
Keys and versions are frozen once released; outside an event is called `processender.` and its key.
"""

from __future__ import annotations

from ..hints import ClassVar
from .notice import Notice
from .outcome import Result, Verdict
from .plan import Plan
from .record import Record


class NoticeHeard(Record):
    """A source said that the end is coming."""

    key: ClassVar[str] = "notice.heard"

    at: float
    """When, seconds on the monotonic clock; so in every event."""
    notice: Notice
    """What it said."""


class RunStarted(Record):
    """A run began; its pair is `RunEnded`."""

    key: ClassVar[str] = "run.started"

    at: float
    """When."""
    run: str
    """The id of the run."""
    notice: Notice
    """What began it."""
    plan: Plan
    """What is going to be done."""


class RunEnded(Record):
    """A run came to its end."""

    key: ClassVar[str] = "run.ended"

    at: float
    """When."""
    run: str
    """The id of the run."""
    verdict: Verdict
    """How it ended."""
    seconds: float
    """How long it took."""


class PlanChanged(Record):
    """The run goes on with another plan: the window moved, or handlers came or went."""

    key: ClassVar[str] = "plan.changed"

    at: float
    """When."""
    plan: Plan
    """The plan from now on."""


class AttemptStarted(Record):
    """An attempt of a handler began; its pair is `AttemptFailed` or `HandlerEnded`."""

    key: ClassVar[str] = "attempt.started"

    at: float
    """When."""
    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt; the first is 1."""
    deadline: float
    """When the handler must have ended."""


class AttemptFailed(Record):
    """An attempt failed and another will follow."""

    key: ClassVar[str] = "attempt.failed"

    at: float
    """When."""
    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt that failed."""
    error: str
    """Why, as `Type: text`."""
    again_at: float
    """When the next attempt starts."""


class HandlerStuck(Record):
    """The time of a handler, or of what it was to finish, is up, and that has not ended; the handler is to give way."""

    key: ClassVar[str] = "handler.stuck"

    at: float
    """When."""
    handler: str
    """The name of the handler."""
    reason: str
    """Why its time is up."""
    stack: str
    """Where it stands: the stack of its thread, or the chain of what its task awaits."""


class HandlerEnded(Record):
    """A handler ended; also one that never began, as `skipped`."""

    key: ClassVar[str] = "handler.ended"

    at: float
    """When."""
    result: Result
    """How."""


class LoopBlocked(Record):
    """The application's event loop does not run what is handed to it."""

    key: ClassVar[str] = "loop.blocked"

    at: float
    """When."""
    seconds: float
    """For how long it has not."""
    stack: str
    """Where the loop's thread stands."""


class Noted(Record):
    """A handler has said what it saw, or did."""

    key: ClassVar[str] = "handler.noted"

    at: float
    """When."""
    handler: str
    """The name of the handler."""
    text: str
    """What it said."""


class Sized(Record):
    """A handler has said how much it has to do."""

    key: ClassVar[str] = "handler.sized"

    at: float
    """When."""
    handler: str
    """The name of the handler."""
    size: float
    """How much, in a unit of its own."""


class Waiting(Record):
    """The run waits for work in progress."""

    key: ClassVar[str] = "inflight.waiting"

    at: float
    """When."""
    what: tuple[str, ...]
    """Each piece of work, in its own words, the oldest first; of very many the first ones."""
    more: int = 0
    """How many more there are."""


class WorkCut(Record):
    """Work in progress was told to break off, because its time was over."""

    key: ClassVar[str] = "inflight.cut"

    at: float
    """When."""
    what: tuple[str, ...]
    """Each piece of work, in its own words; of very many the first ones."""
    reason: str
    """Why."""
    more: int = 0
    """How many more there are."""


class Escalated(Record):
    """Another interrupt asked to go faster."""

    key: ClassVar[str] = "escalated"

    at: float
    """When."""
    level: int
    """2 cancels all below `must`; 3 ends the process."""
    signum: int
    """The number of the signal."""


class Drained(Record):
    """Traffic is left, and the run waits there until it is told to go on, or taken back."""

    key: ClassVar[str] = "run.drained"

    at: float
    """When."""
    run: str
    """The id of the run."""


class RunWithdrawn(Record):
    """The run is taken back: what runs gives way, what has run is undone, and `RunEnded` follows as `cancelled`."""

    key: ClassVar[str] = "run.withdrawn"

    at: float
    """When."""
    run: str
    """The id of the run."""
    notice: Notice
    """What took it back."""


class Trouble(Record):
    """Something could not be done as wished; the run goes on."""

    key: ClassVar[str] = "trouble"

    at: float
    """When."""
    code: str
    """The stable name of the trouble."""
    text: str
    """The thing, the reason, and the next step."""


class RoomEvent(Record):
    """The base of the events of the rooms above the core."""

    key: ClassVar[str] = "room"
    """The stable name."""
    words: ClassVar[dict[str, str]] = {}
    """What the vocabulary calls its fields; a field that is not here is not told beside the text."""
    version: ClassVar[int] = 1
    """The version of its fields."""
    level: ClassVar[int] = 20
    """How grave it is, as in `logging`."""

    at: float
    """When."""

    @property
    def text(self) -> str:
        """What has happened, in words; without words of its own an event is told by its fields."""
        return ", ".join(f"{name}={value}" for name, value in self.as_dict().items())


Event = (
    NoticeHeard
    | RunStarted
    | RunEnded
    | PlanChanged
    | AttemptStarted
    | AttemptFailed
    | HandlerStuck
    | HandlerEnded
    | LoopBlocked
    | Noted
    | Sized
    | Waiting
    | WorkCut
    | Escalated
    | Drained
    | RunWithdrawn
    | Trouble
    | RoomEvent
)
