"""What was seen of one run, as data, and what is wrong with it."""

from __future__ import annotations

from ..core.record import Record
from ..hints import Any
from .load import Answer


class Finding(Record):
    """One thing that is wrong with an end."""

    assertion: str
    """What does not hold; `starts` for a program that has not even started."""
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


def _stretches(account: dict[str, Any]) -> list[Stretch]:
    inner = account.get("command")
    found = _stretches(inner) if isinstance(inner, dict) and "handlers" in inner else []
    zero = float(account["started"])
    for each in account["handlers"]:
        began, ended = (each.get(key) for key in ("started_s", "ended_s"))
        found.append(
            Stretch(
                each["name"],
                each["outcome"] or "",
                each["importance"],
                None if began is None else zero + began,
                None if ended is None else zero + ended,
                "; ".join(text for text in (each.get("reason"), each.get("error")) if text),
                each.get("timeout_s"),
            )
        )
    return found
