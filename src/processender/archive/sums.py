"""What is counted along: by cell, by handler, by reason, and by day."""

from __future__ import annotations

from ..accounts.reading import OUTCOMES, Line
from . import sql
from .buckets import ONE, pack, step, together, unpack
from .days import DAY_S
from .names import Names
from .sql import Database

UNTIMED = {"cancelled", "crashed"}
"""Verdicts of runs whose length means nothing."""
LANES = {outcome: lane for lane, outcome in enumerate(OUTCOMES)}
"""In which lane of the counts of a handler an outcome is."""
RETRIES = len(OUTCOMES)
"""In which lane its retries are."""
BLOCK_DAYS = 8
"""How many days of the counts of handlers are put together once more, so that a long time is read quickly."""
_AT_ONCE = 400
Packed = dict[tuple[int, int], int]
"""By day and number, counts in one number."""


class Sums:
    """The counts of some runs."""

    def __init__(self, names: Names) -> None:
        """Take the numbers of the *names*."""
        self._names = names
        self._days: dict[tuple[int, int, str], list[float]] = {}
        self._deeds: Packed = {}
        self._steps: dict[str, dict[tuple[int, int], list[int]]] = {"times": {}, "spans": {}}
        self._whys: dict[tuple[int, int], int] = {}
        self._timeouts: dict[int, tuple[float, float]] = {}

    def add(self, line: Line) -> tuple[int, int, str]:
        """Count the run of *line*; return its cell, how many of its handlers were not done, and the short of them."""
        cell = self._names.cell((line.service, line.version, line.zone, line.deployment, line.cause))
        day, at = int(line.at // DAY_S), line.at
        counted = self._days.get((day, cell, line.verdict))
        if counted is None:
            self._days[day, cell, line.verdict] = [1, at, at]
        else:
            counted[0] += 1
            counted[1] = min(counted[1], at)
            counted[2] = max(counted[2], at)
        if line.seconds is not None and line.verdict not in UNTIMED:
            self._steps["times"].setdefault((day, cell), []).append(step(line.seconds))
        if line.verdict == "cancelled":
            # What was taken back says nothing of how long its handlers take, or why they were left out.
            return cell, line.undone, ""
        return self._add_handlers(line, cell, day)

    def _add_handlers(self, line: Line, cell: int, day: int) -> tuple[int, int, str]:
        undone, short, at = 0, [], line.at
        deeds, spans, number_of = self._deeds, self._steps["spans"], self._names.handler
        for name, phase, importance, outcome, seconds, retries, reason, timeout in line.handlers:
            number = number_of(cell, name, phase, importance)
            key = (day, number)
            lane, took, why = LANES[outcome], "", 0
            if outcome != "done":
                undone += 1
            elif seconds is not None:
                of_time = step(seconds)
                took = str(of_time)
                spans.setdefault(key, []).append(of_time)
            deeds[key] = deeds.get(key, 0) + (ONE[lane] + retries * ONE[RETRIES] if retries else ONE[lane])
            if reason:
                why = self._names.reason(number, reason)
                self._whys[day, why] = self._whys.get((day, why), 0) + 1
            if timeout is not None:
                known = self._timeouts.get(number)
                if known is None or at >= known[0]:
                    self._timeouts[number] = (at, timeout)
            short.append(f"{number},{lane},{took},{retries},{why}")
        return cell, undone, ";".join(short)

    def write(self, database: Database) -> None:
        """Add all of it to what the *database* has counted."""
        database.many(sql.ADD_DAYS, [(*key, *values) for key, values in sorted(self._days.items())])
        packed = {table: {key: together(steps) for key, steps in found.items()} for table, found in self._steps.items()}
        for table, found in {"deeds": self._deeds, **packed}.items():
            if table in sql.BLOCKED:
                _put_together(found)
            keys = sorted(found)
            for start in range(0, len(keys), _AT_ONCE):
                _merge(database, table, found, keys[start : start + _AT_ONCE])
        database.many(sql.ADD_WHYS, [(*key, n) for key, n in sorted(self._whys.items())])
        timeouts = sorted(self._timeouts.items())
        database.many(sql.SET_TIMEOUTS, [(timeout, at, number, at) for number, (at, timeout) in timeouts])


def block_key(block: int) -> int:
    """Return the number that stands for a *block* of days where the number of a day would."""
    return -1 - block


def _put_together(packed: Packed) -> None:
    """Add the counts of the blocks in which the days are."""
    for (day, number), counts in list(packed.items()):
        key = (block_key(day // BLOCK_DAYS), number)
        packed[key] = packed.get(key, 0) + counts


def _merge(database: Database, table: str, found: Packed, keys: list[tuple[int, int]]) -> None:
    asked = [each for key in keys for each in key]
    for day, number, counts in database.rows(sql.packed(table, len(keys)), asked):
        found[day, number] += unpack(counts)
    database.many(sql.set_packed(table), [(*key, pack(found[key])) for key in keys])
