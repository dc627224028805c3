"""How a running command is looked after: checks that must succeed, and signs of life that must come."""

from __future__ import annotations

from collections.abc import Callable

from ..hints import Any
from .record import Record

READY, LIVE, STARTUP = "ready", "live", "startup"


class Pulse(Record):
    """What a check has said so far."""

    good: bool | None = None
    """What is believed; None before anything is."""
    last: bool | None = None
    """What it has said last."""
    row: int = 0
    """How often it has said that in a row."""


class Threshold(Record):
    """How many times in a row a check must say something before it is believed."""

    failures: int = 3
    """How many failures in a row."""
    successes: int = 1
    """How many successes in a row."""

    def after(self, before: Pulse, *, good: bool) -> Pulse:
        """Return where the check stands after it has said *good*."""
        row = before.row + 1 if good == before.last else 1
        enough = row >= (self.successes if good else self.failures)
        return Pulse(good if enough else before.good, good, row)


class Check(Record):
    """One health check. Times are seconds."""

    name: str
    """Its name."""
    call: Callable[[Any], object]
    """What is called with a context; it raises where the command is not well."""
    kind: str = READY
    """`ready` opens and shuts /readyz, `live` can end the command, `startup` holds both back until it succeeds."""
    every: float = 10.0
    """How long after one look comes the next."""
    timeout: float = 1.0
    """How long one look may take."""
    threshold: Threshold = Threshold()
    """How many times in a row are believed."""
    on_failure: str = "none"
    """`restart`, `stop` or `none`."""


class Vigil(Record):
    """One wait for signs of life. Times are seconds."""

    cause: str
    """What its end is called: `heartbeat` or `deadlock`."""
    within: float
    """How long after a sign the next one must have come."""
    first: float
    """How long after the start the first one must have come."""
    file: str = ""
    """The file whose change is a sign; empty for none."""
    socket: bool = False
    """Whether a datagram on a socket is a sign."""
    stacks_signal: int = 0
    """The signal that makes the command tell where it stands, before it is killed; 0 for none."""
    stacks_wait: float = 2.0
    """How long it has for that."""


def when_changed(age: float, looked: float, now: float) -> float:
    """
    Return when a file was changed that is new since the last look; all but *age* on one monotonic clock.

    Args:

        age: How old the change seems to be, by the wall clock, which may have been set meanwhile.

        looked: When it was looked at before.

        now: The time.
    """
    return min(now, max(looked, now - age))
