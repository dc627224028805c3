"""What is counted along: by cell, by handler, by reason, and by day."""

from __future__ import annotations

from ..accounts.reading import OUTCOMES, Line
from . import sql
from .buckets import bucket
from .names import Names
from .sql import Database

DAY_S = 86400.0
"""The length of a day, seconds; days are those of UTC, by their number since 1970."""
_CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}
UNTIMED = {"cancelled", "crashed"}
"""Verdicts of runs whose length means nothing."""


class Tally:
    """The counts of some runs."""

    def __init__(self, names: Names) -> None:
        """Take the numbers of the *names*."""
        self._names = names
        self._days: dict[tuple[int, int, str], list[float]] = {}
        self._times: dict[tuple[int, int, int], int] = {}
        self._deeds: dict[tuple[int, str, int], list[int]] = {}
        self._spans: dict[tuple[int, int, int], int] = {}
        self._whys: dict[tuple[int, int], int] = {}
        self._timeouts: dict[int, tuple[float, float]] = {}

    def add(self, line: Line) -> tuple[int, int, str]:
        """Count the run of *line*; return its cell, how many of its handlers were not done, and the short of them."""
        cell = self._names.cell((line.service, line.version, line.zone, line.deployment, line.cause))
        day, at = int(line.at // DAY_S), line.at
        counted = self._days.get((cell, day, line.verdict))
        if counted is None:
            self._days[cell, day, line.verdict] = [1, at, at]
        else:
            counted[0] += 1
            counted[1] = min(counted[1], at)
            counted[2] = max(counted[2], at)
        if line.seconds is not None and line.verdict not in UNTIMED:
            key = (cell, bucket(line.seconds), day)
            self._times[key] = self._times.get(key, 0) + 1
        if line.verdict == "cancelled":
            # What was taken back says nothing of how long its handlers take, or why they were left out.
            return cell, line.undone, ""
        return self._add_handlers(line, cell, day)

    def _add_handlers(self, line: Line, cell: int, day: int) -> tuple[int, int, str]:
        undone, short = 0, []
        for name, phase, importance, outcome, seconds, retries, reason, timeout in line.handlers:
            number = self._names.handler(cell, name, phase, importance)
            step: int | None = None
            if outcome == "done":
                if seconds is not None:
                    step = bucket(seconds)
                    key = (number, step, day)
                    self._spans[key] = self._spans.get(key, 0) + 1
            else:
                undone += 1
            did = self._deeds.get((number, outcome, day))
            if did is None:
                self._deeds[number, outcome, day] = [1, retries]
            else:
                did[0] += 1
                did[1] += retries
            why = self._names.reason(number, reason)
            if why:
                self._whys[why, day] = self._whys.get((why, day), 0) + 1
            if timeout is not None and line.at >= self._timeouts.get(number, (0.0, 0.0))[0]:
                self._timeouts[number] = (line.at, timeout)
            short.append(f"{number},{_CODES[outcome]},{'' if step is None else step},{retries},{why}")
        return cell, undone, ";".join(short)

    def write(self, database: Database) -> None:
        """Add all of it to what the *database* has counted."""
        database.many(sql.ADD_DAYS, [(*key, *values) for key, values in sorted(self._days.items())])
        database.many(sql.ADD_TIMES, [(*key, n) for key, n in sorted(self._times.items())])
        database.many(sql.ADD_DEEDS, [(*key, *values) for key, values in sorted(self._deeds.items())])
        database.many(sql.ADD_SPANS, [(*key, n) for key, n in sorted(self._spans.items())])
        database.many(sql.ADD_WHYS, [(*key, n) for key, n in sorted(self._whys.items())])
        timeouts = sorted(self._timeouts.items())
        database.many(sql.SET_TIMEOUTS, [(timeout, at, number, at) for number, (at, timeout) in timeouts])
