"""
The steps by which a command is asked to end: what each does, how long the next one waits, and the ready presets.

Theory of operation. A step has one deed. The next comes when its `wait` is over, or as soon as its conditions hold.
Whatever the waits say, all steps together have the time of the handler `command` and no more; then comes KILL.
"""

from __future__ import annotations

from ..core.record import Record
from ..hints import TYPE_CHECKING, Any
from . import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHARE = 0.5


class Until(Record):
    """A condition on which the next step comes before its time."""

    shown: str
    """The condition, in words."""
    look: Callable[[Any, int], str]
    """Takes the context and the number of the command; returns why the condition does not hold, empty when it does."""


class Step(Record):
    """One step: exactly one of its first three fields says what is done."""

    signum: int = 0
    """The signal that the command is sent."""
    close_stdin: bool = False
    """Whether its standard input is closed."""
    call: Callable[[Any, int], object] | None = None
    """What runs a command or sends a request; takes the context and the number of the command."""
    wait: float | None = None
    """After how many seconds the next step comes; None takes what the others leave."""
    until: tuple[Until, ...] = ()
    """When all of these hold, the next step comes at once."""
    name: str = ""
    """What is run or requested, in words."""

    @property
    def shown(self) -> str:
        """The deed, in words."""
        if self.signum:
            return kernel.name_of(self.signum)
        return "close stdin" if self.close_stdin else self.name


def lengths(waits: Sequence[float | None], span: float) -> list[float]:
    """
    Return how long each step has, seconds, so that all of them together take *span*.

    Steps without a wait share what the others leave, at least half of it all; if every step has one, the last takes
    what is left. Waits that are too long are shortened in the same measure, so that each step has its turn.
    """
    span = max(0.0, span)
    free = [number for number, wait in enumerate(waits) if wait is None]
    claimed = sum(wait for wait in waits if wait is not None)
    room = span * _SHARE if free else span
    measure = min(1.0, room / claimed) if claimed else 1.0
    found = [0.0 if wait is None else wait * measure for wait in waits]
    heirs = free or [len(found) - 1]
    rest = max(0.0, span - sum(found))
    for number in heirs:
        found[number] += rest / len(heirs)
    return found


def timetable(steps: Sequence[Step], span: float) -> list[tuple[float, float]]:
    """Return when each step begins and how long it has if no condition holds before, seconds from the first one."""
    table: list[tuple[float, float]] = []
    for length in lengths([step.wait for step in steps], span):
        table.append((sum(table[-1]) if table else 0.0, length))
    return table


def _signals(*numbers: int, last: float | None = None) -> tuple[Step, ...]:
    """Return a step for each signal; the last one has *last* seconds before KILL."""
    steps = [Step(number) for number in numbers]
    return (*steps[:-1], steps[-1].replace(wait=last))


PRESETS: dict[str, tuple[Step, ...]] = {
    # Its graceful stop; TERM stops at once.
    "apache": _signals(kernel.WINCH, kernel.TERM, last=5.0),
    # Warm, then cold.
    "celery": _signals(kernel.TERM, kernel.QUIT, last=5.0),
    "gunicorn": _signals(kernel.TERM, kernel.QUIT, last=5.0),
    # Its soft stop; TERM stops at once.
    "haproxy": _signals(kernel.USR1, kernel.TERM, last=5.0),
    # QUIT ends no JVM: it writes the stack of every thread to the standard output, for those who ask what hung.
    "java": _signals(kernel.TERM, kernel.QUIT, last=2.0),
    "nginx": _signals(kernel.QUIT, kernel.TERM, last=5.0),
    "php-fpm": _signals(kernel.QUIT, kernel.TERM, last=5.0),
    # Fast shutdown; TERM would wait for every client. Then immediate shutdown, from which it recovers as from a crash,
    # but which, unlike KILL, ends its children and frees its shared memory.
    "postgres": _signals(kernel.INT, kernel.QUIT, last=5.0),
    "unicorn": _signals(kernel.QUIT, kernel.TERM, last=5.0),
}
"""How known programs are brought to their end, by name."""
