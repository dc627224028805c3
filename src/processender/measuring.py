"""How a service stands, in figures: its totals, what follows from them, and what it owes right now."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from .accounts.figures import Figure, ending, of_crash, of_recovery, owed
from .accounts.tally import Tally
from .core.obligation import State
from .errors import JournalError
from .hints import Any
from .looking import Files, files_of, journals_of, look
from .telemetry.totals import totals

CAUSE = "SIGTERM"
"""The cause that every service meets one day."""
CRASHES = ("signal", "exit", "killed", "cut", "host", "oom")
"""The causes of crashes that are there with 0 from the beginning."""
VERDICTS = ("clean", "degraded", "forced", "cancelled")
"""The verdicts that are there with 0 as soon as there is a cause."""
AT_ONCE = 200
"""How many journals are read at most for one answer; those that did not change are known from before."""


class Measuring:
    """The figures of one service, read anew each time. Safe for threads."""

    def __init__(self, place: str, service: str) -> None:
        """Take the state directory of the service, empty if there is none, and its name."""
        self._place = place
        self._service = service
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[Files, int, int]] = {}

    def tally(self, now: float) -> Tally:
        """Return all figures as they are *now*, in seconds since 1970."""
        tally = totals(self._place) if self._place else Tally()
        tally.seed(_zeros(self._service, tally))
        tally.take(tally.derived(now))
        if self._place:
            with self._lock:
                tally.take(owed(self._service, *self._owed()))
        return tally

    def _owed(self) -> tuple[int, int]:
        """Return how many things are owed in all journals, and how many of which nobody tries to release any more."""
        try:
            journals = journals_of(self._place)
        except JournalError:
            journals = []
        fresh = 0
        self._seen = {each: known for each in journals if (known := self._seen.get(each)) is not None}
        for directory in journals:
            files = files_of(directory)
            known = self._seen.get(directory)
            if (known is None or known[0] != files) and fresh < AT_ONCE:
                fresh += 1
                self._seen[directory] = (files, *_count(directory))
        return sum(alive for _, alive, _ in self._seen.values()), sum(dead for _, _, dead in self._seen.values())


def _count(directory: str) -> tuple[int, int]:
    try:
        states = [each.state for each in look(directory).standings]
    except JournalError:
        # Whoever recovers it says what is wrong with it.
        return 0, 0
    return len(states) - states.count(State.DEAD), states.count(State.DEAD)


def _zeros(service: str, tally: Tally) -> Iterable[Figure]:
    """Return the figures that are to be there before anything has happened."""
    begun = tally.values.get("processender_shutdowns_initiated_total", {})
    for cause in sorted({CAUSE, *(labels[1] for labels in begun if labels[0] == service)}):
        for verdict in VERDICTS:
            yield from ending(_nothing(service, cause, verdict))
        yield Figure("processender_shutdowns_initiated_total", 0.0, (service, cause))
    yield from (figure for cause in CRASHES for figure in of_crash(service, cause))
    yield from of_recovery(service, 0, 0, ())


def _nothing(service: str, cause: str, verdict: str) -> Mapping[str, Any]:
    """Return the account of a run in which nothing was done."""
    return {"service": service, "cause": cause, "verdict": verdict, "ended": 0.0}
