"""What a run is told by the engine: what became of its commands, and what has changed around it."""

from __future__ import annotations

from .plan import Plan
from .record import Record


class Began(Record):
    """An attempt takes its first step; its clock starts here."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""
    at: float
    """When, seconds on the monotonic clock."""
    run: str = ""
    """The name of the run that it belongs to."""


class Returned(Record):
    """An attempt returned."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""
    at: float
    """When, seconds on the monotonic clock."""
    run: str = ""
    """The name of the run that it belongs to."""


class Raised(Record):
    """An attempt raised; giving way to a cancellation is one way to do that."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""
    at: float
    """When, seconds on the monotonic clock."""
    error: BaseException
    """What it raised."""
    run: str = ""
    """The name of the run that it belongs to."""


class Refused(Record):
    """The engine cannot start the handler at all."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""
    at: float
    """When, seconds on the monotonic clock."""
    reason: str
    """Why, in words."""
    run: str = ""
    """The name of the run that it belongs to."""


class Adopted(Record):
    """Another plan holds from now on: the window moved, or handlers came or went."""

    plan: Plan
    """The plan."""


class Hurried(Record):
    """Everything below `must` is to be given up."""

    reason: str
    """Who wants it so, in words."""


class Released(Record):
    """The run may go beyond the phase behind which it holds; the plan with the window of the end comes behind it."""


class Withdrawn(Record):
    """The end is taken back: nothing more is to start, and what runs is to give way."""

    reason: str
    """Who wants it so, in words."""


Report = Began | Returned | Raised | Refused | Adopted | Hurried | Released | Withdrawn
