"""What was seen of one run, as data, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..accounts.plain import number, parts, tables, text
from ..core.record import Record
from ..hints import Any
from .load import Answer

STARTS = "starts"
"""What does not hold for a program that has not even started; nothing else is tried then."""


class Finding(Record):
    """One thing that is wrong with an end."""

    assertion: str
    """What does not hold: an assertion, `fault`, or `STARTS`."""
    text: str
    """What was seen, and what to do."""


class Stretch(Record):
    """What a handler did, with instants in seconds since 1970."""

    name: str
    """The name of the handler."""
    outcome: str
    """How it ended; empty where the process was cut before that."""
    importance: str
    """What is given up first."""
    began: float | None
    """When it began; None if it never did."""
    ended: float | None
    """When it ended."""
    reason: str = ""
    """Why, and its error."""
    timeout: float | None = None
    """The longest that it may take, seconds; None where nobody has said it."""
    part: str = ""
    """The application that has joined the agent, if it is a handler of that one."""

    @property
    def short(self) -> str:
        """Its name as its own application says it."""
        return self.name.removeprefix(f"{self.part}/")


class Evidence(Record):
    """What was seen of one run."""

    exit: int | None = None
    """The exit code, -n for death by signal n; None if it never started."""
    seconds: float = 0.0
    """How long the end took, from its first step."""
    window: float = 0.0
    """After how long it is killed."""
    killed: bool = False
    """Whether it had to be killed."""
    signals: tuple[int, ...] = ()
    """The numbers of the signals that it was sent."""
    began: float = 0.0
    """When the end began, seconds on the monotonic clock."""
    loaded: bool = False
    """Whether there was load on it as its end began."""
    blind: float = 0.0
    """The longest time for which its clients could not know whether it was still ready, seconds."""
    again: bool = False
    """Whether it is of a second life, after a kill in which requests may have been lost."""
    answers: tuple[Answer, ...] = ()
    """What became of the requests."""
    accounts: tuple[dict[str, Any], ...] = ()
    """The reports that it has written."""
    left: tuple[str, ...] = ()
    """What it has left behind, each in words."""
    kept: str | None = None
    """What stands in the file that keeps the requests; None if nobody asked."""
    output: str = ""
    """What it has written."""
    missed: str = ""
    """What of the script did not come true."""
    trouble: str = ""
    """Why it has not even started."""

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """What every handler did, of the process and of what has joined it."""
        return tuple(stretch for each in self.processes for stretch in each)

    @property
    def processes(self) -> tuple[tuple[Stretch, ...], ...]:
        """The same by report: several processes may have handlers of the same names."""
        return tuple(tuple(_stretches(account)) for account in self.accounts)

    @property
    def by_name(self) -> dict[str, Stretch]:
        """The same by name; one of an application that has joined also by its short name, unless another has that."""
        return named(self.stretches)


def named(stretches: Iterable[Stretch]) -> dict[str, Stretch]:
    """Return *stretches* by name, and by short name where that is of no other."""
    found = list(stretches)
    return {each.short: each for each in found} | {each.name: each for each in found}


def _stretches(account: dict[str, Any]) -> Iterator[Stretch]:
    for part, each in parts(account):
        zero = number(each.get("started")) or 0.0
        for handler in tables(each.get("handlers")):
            began, ended = number(handler.get("started_s")), number(handler.get("ended_s"))
            yield Stretch(
                text(handler.get("name")),
                text(handler.get("outcome")),
                text(handler.get("importance")),
                None if began is None else zero + began,
                None if ended is None else zero + ended,
                "; ".join(filter(None, (text(handler.get("reason")), text(handler.get("error"))))),
                number(handler.get("timeout_s")),
                part,
            )
