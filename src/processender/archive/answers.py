"""What is asked of an archive, and what it answers, whichever database does."""

from __future__ import annotations

from ..accounts.plain import KILLED
from ..core.record import Record

ENDS = ("clean", "degraded", "forced", KILLED, "crashed")
"""How runs end, the best first; each is a field of `Counts`. What was taken back is no end."""


class Question(Record):
    """Which runs are meant; an empty text is any."""

    service: str = ""
    """Of which service."""
    since: float = 0.0
    """From which date on, seconds since 1970."""
    until: float = float("inf")
    """Before which date, seconds since 1970."""
    version: str = ""
    """Of which version."""
    zone: str = ""
    """In which zone."""
    cause: str = ""
    """With which cause."""


class Counts(Record):
    """How many runs, and how they ended."""

    runs: int = 0
    """All of them, but those that were taken back."""
    clean: int = 0
    """Ended, and every handler was done."""
    degraded: int = 0
    """Ended, and at least one handler was not done."""
    forced: int = 0
    """Cut by a last resort, and it was said."""
    killed: int = 0
    """Begun, and nothing was heard of them again: the gap that SIGKILL leaves."""
    crashed: int = 0
    """Died without a run."""
    cancelled: int = 0
    """Taken back; not in `runs`."""

    @property
    def graceful(self) -> float | None:
        """The share of the runs that ended clean, 0 to 1; None without runs."""
        return self.clean / self.runs if self.runs else None


class Group(Record):
    """The runs that have something in common."""

    name: str
    """What: a day as `2026-11-28`, a cause, a version, a zone, a deployment, a node."""
    counts: Counts
    """How they ended."""
    p50_s: float | None = None
    """How long half of them took at most, seconds, within 5 %; None where none has ended."""
    p95_s: float | None = None
    """How long all but a twentieth took at most."""
    first: float = 0.0
    """When the first of them began, seconds since 1970."""


class HandlerAnswer(Record):
    """One handler of one service."""

    service: str
    """Of which service."""
    name: str
    """Its name."""
    phase: str
    """Its phase."""
    importance: str
    """Its importance."""
    runs: int
    """In how many runs it was."""
    outcomes: dict[str, int]
    """How it ended, by outcome."""
    reasons: dict[str, int]
    """Why it was skipped, or its time was up; the most frequent ones, the first of those that are alike."""
    skipped_by_cause: dict[str, int]
    """How often it was skipped, by the cause of the run."""
    retries: int = 0
    """How many attempts failed and were repeated."""
    p50_s: float | None = None
    """How long it took in half of the runs at most, within 5 %; None where it was never done."""
    p95_s: float | None = None
    """How long in all but a twentieth."""
    version: str = ""
    """The newest version."""
    newest_p95_s: float | None = None
    """The same of the newest version alone."""
    before_p95_s: float | None = None
    """The same of the version before it; None where there is none, or one of the two has too few runs to compare."""
    timeout_s: float | None = None
    """Its time-out, as the last run had it; None where it is not known."""


class Mark(Record):
    """What somebody has marked: a deployment, or an incident."""

    at: float
    """When, seconds since 1970."""
    kind: str
    """`deployment` or `incident`."""
    text: str
    """Which."""
    service: str = ""
    """Of which service; empty for all."""


class Entry(Record):
    """One run, in short."""

    id: str
    """The id of its report."""
    service: str
    """Which service."""
    began: float
    """When, seconds since 1970."""
    seconds: float | None
    """How long it took; None where that was never said."""
    window_s: float
    """How long it had."""
    cause: str
    """Why."""
    verdict: str
    """How it ended; `killed` for one of which nothing was heard again."""
    version: str = ""
    """The version of the service."""
    deployment: str = ""
    """The deployment."""
    zone: str = ""
    """The zone."""
    node: str = ""
    """The node."""
    instance: str = ""
    """The instance."""
    undone: int = 0
    """How many handlers were not done."""


class Overview(Record):
    """How the runs went."""

    question: Question
    """What was asked."""
    counts: Counts
    """All runs."""
    first: float
    """When the first run began, seconds since 1970; 0.0 without any."""
    last: float
    """When the last did."""
    services: tuple[Group, ...]
    """By service."""
    days: tuple[Group, ...]
    """By day, in UTC, the oldest first."""
    causes: tuple[Group, ...]
    """By cause, the most frequent first; of very many the rest as `(others)`. So in the next ones."""
    versions: tuple[Group, ...]
    """By version, the newest first."""
    zones: tuple[Group, ...]
    """By zone."""
    deployments: tuple[Group, ...]
    """By deployment."""
    pairs: tuple[tuple[str, str, Counts], ...]
    """By cause and zone together."""
    handlers: tuple[HandlerAnswer, ...]
    """The handlers, the slowest first."""
    marks: tuple[Mark, ...]
    """What was marked in this time."""
    recent: tuple[Entry, ...]
    """The newest runs, the newest first."""
    troubles: tuple[str, ...] = ()
    """What could not be read."""
