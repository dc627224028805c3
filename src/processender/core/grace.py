"""How long whoever ends a process gives it, and from where that is known."""

from __future__ import annotations

from .notice import DeadlineKind
from .record import Record


class Grace(Record):
    """How long there is from the first word of the end to the kill."""

    seconds: float | None
    """How long; None for without end."""
    known_from: str
    """From where that is known, in words."""
    kind: DeadlineKind = DeadlineKind.CONFIGURED
    """`told`: the platform says so, and it is always so; `configured`: it was set there; `assumed`: a usual value."""
    better: str = ""
    """What it would take to know it better; empty if nothing is missing."""
    wrong: str = ""
    """What was written down about it and cannot be understood; empty for nothing."""

    @property
    def is_sure(self) -> bool:
        """Whether it is no mere assumption."""
        return self.kind is not DeadlineKind.ASSUMED


def no_length(text: str, where: str) -> str:
    """Return what is wrong with a *text* that is to say how long there is, and *where* it stands."""
    return f"{where} is {text[:40]!r}, which is no length of time: write a number of seconds, like 30"
