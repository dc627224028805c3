"""What is said of the end, and when, as a script: for a run on a clock that jumps, or for a real program."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from ..core.notice import Action, Notice
from ..core.record import Record
from ..core.spans import seconds_of
from ..hints import Self
from ..integrations.ci import Step
from ..stage.sequences import Sequence, SequenceError


class Said(Record):
    """One line of the script. Times are seconds from its beginning."""

    at: float
    """When it is said."""
    cause: str
    """Why the process is to end: `SIGTERM`, `spot`."""
    action: Action = Action.STOP
    """What is asked for."""
    within: float | None = None
    """In how many seconds from then the process will be gone, if who says it knows."""
    signum: int = 0
    """The number of the signal that says it, 0 if none does."""

    def notice(self, now: float) -> Notice:
        """Return what an Ender hears *now*."""
        deadline = None if self.within is None else now + self.within
        origin = "signals" if self.signum else "test"
        can_cancel = self.action is not Action.ADVISE and not self.signum
        return Notice(
            self.cause, origin, now, self.action, deadline=deadline, signum=self.signum, can_cancel=can_cancel
        )


class Notices:
    """
    A script of notices; each call adds one and returns the script.

        notices.signal("TERM").cut(5, at=10)
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lines: list[Said] = []
        self.killed_at: float | None = None
        """When whoever ends the process kills what is left of it; None if nobody does."""

    def __iter__(self) -> Iterator[Said]:
        """Give the lines in the order in which they are said."""
        return iter(sorted(self._lines, key=lambda line: line.at))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._lines)

    def signal(self, name: str = "TERM", *, at: float | str = 0.0) -> Self:
        """Let a signal come, named with or without `SIG`."""
        number = signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
        return self._add(Said(span(at), number.name, signum=int(number)))

    def announce(self, cause: str = "spot", *, within: float | str, at: float | str = 0.0) -> Self:
        """Let a platform say that the process will be gone *within* so many seconds, or a text like `2m`."""
        return self._add(Said(span(at), cause, within=span(within)))

    def cut(self, within: float | str, *, at: float | str, cause: str = "cut") -> Self:
        """Let somebody say, in the midst of the end, that only so many seconds are left."""
        return self._add(Said(span(at), cause, within=span(within)))

    def drain(self, *, at: float | str = 0.0) -> Self:
        """Let somebody ask to leave traffic."""
        return self._add(Said(span(at), "drain", Action.DRAIN))

    def resume(self, *, at: float | str) -> Self:
        """Let somebody take back what was asked for."""
        return self._add(Said(span(at), "resume", Action.RESUME))

    def platform(self, sequence: Sequence) -> Self:
        """Let the signals of a platform come, such as `processender.testing.sequences.GITHUB`, at their times."""
        for step in sequence.steps:
            if step.signal == "KILL":
                self.killed_at = step.at
            else:
                self.signal(step.signal, at=step.at)
        return self

    def sequence(self, *, kill: float | str = "30s") -> Sequence:
        """
        Return the script as `replay` wants it for a real process; without a kill of its own it has one after *kill*.

        Raise `SequenceError` for what is no signal: a process hears of that from its platform.
        """
        odd = [line.cause for line in self if not line.signum]
        if odd:
            raise SequenceError(
                f"cannot send {odd[0]!r} to a process: only signals are sent; its sources hear the rest"
            )
        last = span(kill) if self.killed_at is None else self.killed_at
        steps = [Step(line.at, line.cause.removeprefix("SIG")) for line in self]
        return Sequence("test", (*steps, Step(last, "KILL")))

    def _add(self, line: Said) -> Self:
        self._lines.append(line)
        return self


def span(given: float | str) -> float:
    """Return the seconds that are *given*, as a number or as a text like `30s`; raise `ValueError` for others."""
    found = seconds_of(given) if isinstance(given, str) else float(given)
    if found is None or not found >= 0:
        raise ValueError(f"{given!r} is no span of time: write seconds, or a text like '30s', '500ms', '1m30s'")
    return found
