"""What a run asks the engine to do."""

from __future__ import annotations

from .handler import Handler
from .record import Record


class Start(Record):
    """Start an attempt, and report when it has begun."""

    handler: Handler
    """What to start."""
    attempt: int
    """The number of the attempt."""
    until: float
    """When its time will be up at the latest, seconds on the monotonic clock."""
    run: str = ""
    """The name of the run that it belongs to."""


class Redirect(Record):
    """The attempt has not begun: try another way if the handler allows one."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""


class Extend(Record):
    """The attempt may run up to another instant: the window moved."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""
    until: float
    """When its time will be up, seconds on the monotonic clock."""


class Cancel(Record):
    """Ask the attempt to give way; one that nobody has taken up yet is not to begin, and is refused."""

    handler: str
    """The name of the handler."""
    attempt: int
    """The number of the attempt."""
    reason: str
    """Why, in words."""
    stuck: bool
    """Whether to say first where it stands."""
    quiet: bool = False
    """Whether it does nothing wrong, so that where it stands is of no interest."""


Command = Start | Redirect | Extend | Cancel
