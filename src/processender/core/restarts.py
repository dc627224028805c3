"""Whether, and when, a command that has ended is started again: a policy, a growing pause, and a point of giving up."""

from __future__ import annotations

from collections.abc import Callable

from .record import Record
from .retry import Retry

NEVER, ON_FAILURE, ALWAYS = "never", "on-failure", "always"
POLICIES = (NEVER, ON_FAILURE, ALWAYS)
"""When a command that has ended is started again."""
END, AGAIN, GIVE_UP = "end", "again", "give-up"
GAVE_UP = 69
"""The exit code of giving up, unless another one is configured (EX_UNAVAILABLE of sysexits.h)."""


def wanted(policy: str, *, failed: bool) -> bool:
    """Tell whether *policy* wants a command started again that has ended, and *failed* or not."""
    return policy == ALWAYS or (policy == ON_FAILURE and failed)


class Past(Record):
    """How a command has ended so far."""

    ends: tuple[float, ...] = ()
    """When it has ended in the last while, seconds on the monotonic clock."""
    row: int = 0
    """How often it has ended in a row after a short life."""


class Next(Record):
    """What comes after an end."""

    what: str
    """`end`, `again` or `give-up`."""
    past: Past
    """What is to be remembered."""
    pause: float = 0.0
    """How long before it is started again, seconds."""


class Restarts(Record):
    """How a command is started again. Times are seconds."""

    backoff: Retry = Retry(initial=0.1, maximum=30.0, factor=2.0)
    """The pause before each start, drawn evenly from 0 to what has grown with each end in a row ("full jitter")."""
    after: int = 5
    """How many ends within `within` are too many; 0 means that no number is."""
    within: float = 60.0
    """In which time they count. A command that has run for so long begins anew with the shortest pause."""
    exit: int = GAVE_UP
    """The exit code of giving up."""

    def after_end(self, past: Past, now: float, ran: float, chance: Callable[[], float]) -> Next:
        """
        Return what comes after an end after which the command is wanted again: `again` or `give-up`.

        Args:

            past: How it has ended before.

            now: The time, on the monotonic clock.

            ran: How long it has run.

            chance: Gives a number in [0, 1).
        """
        ends = (*(at for at in past.ends if now - at < self.within), now)[-max(1, self.after) :]
        row = 1 if ran >= self.within else past.row + 1
        if self.after and len(ends) >= self.after:
            return Next(GIVE_UP, Past(ends, row))
        return Next(AGAIN, Past(ends, row), self.backoff.pause(row, chance))
