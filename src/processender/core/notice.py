"""What a source says about the coming end, and how several such statements become one deadline."""

from __future__ import annotations

from .record import Record
from .spans import LONGEST_S
from .words import Words


class Action(Words):
    """What a notice asks for."""

    ADVISE = "advise"
    """Only tell; nothing starts."""
    DRAIN = "drain"
    """Leave traffic."""
    STOP = "stop"
    """Run the plan now."""
    STOP_BY = "stop_by"
    """Start early enough to have ended before the deadline."""
    RESUME = "resume"
    """Take back what was asked for, as long as nothing beyond the drain has begun."""


class DeadlineKind(Words):
    """How far a deadline can be trusted."""

    TOLD = "told"
    """The platform named the instant."""
    CONFIGURED = "configured"
    """A person wrote the length down."""
    ASSUMED = "assumed"
    """Nobody said; a guess from the kind of platform."""


class Notice(Record):
    """A statement by a source that this process, or its host, is going to end."""

    cause: str
    """Why, in the source's own word: `SIGTERM`, `stop`, `exit`, `spot`."""
    origin: str
    """Which source says so: `signals`, `api`, `body`."""
    at: float
    """When it was heard, seconds on the monotonic clock."""
    action: Action = Action.STOP
    """What it asks for."""
    deadline: float | None = None
    """When the process will be gone, seconds on the monotonic clock, if the source knows."""
    kind: DeadlineKind = DeadlineKind.TOLD
    """How far the deadline can be trusted."""
    can_cancel: bool = False
    """Whether the source may take the notice back."""
    extends: bool = False
    """Whether the source truly grants more time, so that the deadline may move later."""
    signum: int = 0
    """The number of the signal that brought it, 0 if none did."""
    sender: str = ""
    """Who asked for it, where that is known: a process and its user, or the name of a token; never a secret.
    Of a source that gives a *key*, what it saw."""
    key: str = ""
    """What its source calls it, so that it can be changed or taken back alone; without a name only all of it can be."""

    @property
    def who(self) -> str:
        """Who said so, in words; of a source, which has a key for what it sees, its name, and behind it what it saw."""
        if self.key:
            return f"{self.origin} ({self.sender})" if self.sender else self.origin
        return self.sender or self.origin

    @property
    def ends(self) -> bool:
        """Whether it asks for the end; others tell something, leave traffic, or come back."""
        return self.action in {Action.STOP, Action.STOP_BY}


class Deadline(Record):
    """When the process will be gone, and how that is known."""

    opened: float
    """When the first notice that starts the end was heard; a later notice never moves it."""
    at: float
    """The instant, seconds on the monotonic clock."""
    kind: DeadlineKind
    """How it is known."""


def bounded(notice: Notice, now: float) -> Notice:
    """
    Return *notice* with a deadline that timers can take, whoever has made it.

    What is no number is no deadline, so the grace counts; what is further away than anybody means is at that distance.
    """
    deadline = notice.deadline
    if deadline is None or now <= deadline <= now + LONGEST_S:
        return notice
    if deadline != deadline:  # noqa: PLR0124 - only what is no number differs from itself
        return notice.replace(deadline=None)
    return notice.replace(deadline=min(max(deadline, now - LONGEST_S), now + LONGEST_S))


_TRUST = {DeadlineKind.ASSUMED: 0, DeadlineKind.CONFIGURED: 1, DeadlineKind.TOLD: 2}


def merge(current: Deadline | None, notice: Notice, grace: float) -> Deadline:
    """
    Merge *notice* into the *current* deadline and return the one that holds from now on.

    Args:

        current: The deadline so far, None before the first notice.

        notice: What was just heard.

        grace: The configured seconds from the first notice; they count where no notice tells a deadline.
    """
    if current is None:
        if notice.deadline is None:
            return Deadline(notice.at, notice.at + grace, DeadlineKind.CONFIGURED)
        assumed = notice.kind is DeadlineKind.ASSUMED
        kind = DeadlineKind.CONFIGURED if assumed else notice.kind
        at = min(notice.deadline, notice.at + grace) if assumed else notice.deadline
        return Deadline(notice.at, at, kind)
    if notice.deadline is None:
        return current
    if notice.extends and notice.deadline > current.at:
        return current.replace(at=notice.deadline, kind=notice.kind)
    heard, held = _TRUST[notice.kind], _TRUST[current.kind]
    if heard > held or (heard == held and notice.deadline < current.at):
        return current.replace(at=notice.deadline, kind=notice.kind)
    return current
