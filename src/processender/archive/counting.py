"""What a question selects, read out of a database: counts by cell, by day and by handler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor

from ..accounts.plain import KILLED
from ..hints import Any
from .answers import Question
from .buckets import ONE, step, unpack
from .days import DAY_S, day_of
from .sql import Database
from .sums import BLOCK_DAYS, RETRIES, UNTIMED, block_key

MOST_AT_THE_EDGES = 20_000
"""How many runs of a day that is only partly asked for are looked at one by one; of more the whole day is taken."""
Counted = dict[tuple[int, str], list[float]]
"""By number and verdict: how many, when the first began, when the last."""
_ALWAYS = (0, 1 << 40)
_LATEST = 1e12
_FILTERS = ("service", "version", "zone", "cause")
_WITHIN = "WHERE day >= ? AND day < ?"
_HANDLERS = "SELECT id FROM handlers WHERE cell IN ({})"
_CHOSEN = {
    "cell": "{}",
    "id": "{}",
    "handler": _HANDLERS,
    "reason": f"SELECT id FROM reasons WHERE handler IN ({_HANDLERS})",
}


class Counting:
    """What is found for one question, counted."""

    def __init__(self, database: Database, question: Question, now: float) -> None:
        """Count it: whole days from what was counted along, the rest from the runs themselves."""
        self._database = database
        self.troubles: list[str] = []
        """What is not as it was asked."""
        self.by_cell: Counted = {}
        """The runs of each cell."""
        self.by_day: Counted = {}
        """The runs of each day."""
        self.times_by_cell: dict[int, int] = {}
        """How long they took, counted by step in one number."""
        self.times_by_day: dict[int, int] = {}
        """The same of each day."""
        self.deeds: dict[int, int] = {}
        """By handler: how often it ended how, and its retries, in the lanes of `sums`."""
        self.spans: dict[int, int] = {}
        """By handler: how long it took."""
        self.whys: dict[int, int] = {}
        """By reason, how often."""
        self._chosen, self._values = filters(question)
        self.cells: dict[int, tuple[str, ...]] = {
            row[0]: tuple(row[1:]) for row in self._rows("SELECT * FROM cells WHERE TRUE", "id")
        }
        """Service, version, zone, deployment and cause of each cell that is meant."""
        whole, edges = self._split(question)
        if whole[0] < whole[1]:
            self._count_days(whole)
            self._count_handlers(whole)
        for since, until in edges:
            self._count_runs(since, until)
        self._count_killed(question, now)

    def _rows(self, sql: str, column: str, values: Sequence[Any] = (), end: str = "") -> Iterator[Any]:
        """Return the rows of the cells that are meant, by the *column* that holds the cell, or the handler."""
        if self._chosen:
            sql = f"{sql} AND {column} IN ({_CHOSEN[column].format(self._chosen)})"
        return iter(self._database.rows(f"{sql} {end}", (*values, *self._values)))

    def _split(self, question: Question) -> tuple[tuple[int, int], list[tuple[float, float]]]:
        """Return the whole days of the time that is meant, first and behind the last, and what is left at its edges."""
        since, until = min(question.since, _LATEST), question.until
        first = ceil(since / DAY_S) if since > 0 else _ALWAYS[0]
        last = floor(until / DAY_S) if until < _LATEST else _ALWAYS[1]
        if first > last:
            edges = [(since, until)]
        else:
            edges = [(since, first * DAY_S)] if since > 0 else []
            edges += [(last * DAY_S, until)] if until < _LATEST else []
        kept = []
        for begin, end in edges:
            if end <= begin:
                continue
            day = floor(begin / DAY_S)
            if self._runs_of(day) <= MOST_AT_THE_EDGES:
                kept.append((begin, end))
                continue
            self.troubles.append(
                f"the day {day_of(day * DAY_S)} has more runs than can be looked at: it is taken as a whole"
            )
            first, last = (day, max(day + 1, last)) if day < first else (first, day + 1)
        return (first, last), kept

    def _runs_of(self, day: int) -> int:
        ((found,),) = self._rows("SELECT coalesce(sum(n), 0) FROM days WHERE day = ?", "cell", (day,))
        return int(found)

    def _count_days(self, whole: tuple[int, int]) -> None:
        for column, counted in (("cell", self.by_cell), ("day", self.by_day)):
            sql = f"SELECT {column}, verdict, sum(n), min(first), max(last) FROM days {_WITHIN}"
            for number, verdict, n, first, last in self._rows(sql, "cell", whole, f"GROUP BY {column}, verdict"):
                counted[number, verdict] = [int(n), first, last]
        by_cell, by_day = self.times_by_cell, self.times_by_day
        for day, cell, counts in self._rows(f"SELECT day, cell, counts FROM times {_WITHIN}", "cell", whole):
            times = unpack(counts)
            by_cell[cell] = by_cell.get(cell, 0) + times
            by_day[day] = by_day.get(day, 0) + times

    def _count_handlers(self, whole: tuple[int, int]) -> None:
        for table, counted in (("deeds", self.deeds), ("spans", self.spans)):
            sql = f"SELECT handler, counts FROM {table} {_WITHIN}"
            for part in in_blocks(*whole):
                for handler, counts in self._rows(sql, "handler", part):
                    counted[handler] = counted.get(handler, 0) + unpack(counts)
        sql, end = f"SELECT reason, sum(n) FROM whys {_WITHIN}", "GROUP BY reason"
        self.whys = {reason: int(n) for reason, n in self._rows(sql, "reason", whole, end)}

    def _count_runs(self, since: float, until: float) -> None:
        """Count what lies in a part of a day, run by run."""
        sql = "SELECT cell, began, seconds, verdict, deeds FROM runs WHERE began >= ? AND began < ?"
        for cell, began, seconds, verdict, deeds in self._rows(sql, "cell", (since, until)):
            day = int(began // DAY_S)
            self._count(cell, day, verdict, 1, began, began)
            if seconds is not None and verdict not in UNTIMED:
                time = ONE[step(seconds)]
                self.times_by_cell[cell] = self.times_by_cell.get(cell, 0) + time
                self.times_by_day[day] = self.times_by_day.get(day, 0) + time
            for deed in deeds.split(";") if deeds else ():
                self._count_deed(*deed.split(","))

    def _count_deed(self, handler: str, lane: str, of_time: str, retries: str, reason: str) -> None:
        number, why = int(handler), int(reason)
        self.deeds[number] = self.deeds.get(number, 0) + ONE[int(lane)] + int(retries) * ONE[RETRIES]
        if of_time:
            self.spans[number] = self.spans.get(number, 0) + ONE[int(of_time)]
        if why:
            self.whys[why] = self.whys.get(why, 0) + 1

    def _count_killed(self, question: Question, now: float) -> None:
        """Count the runs that must have ended by now, and of which nothing was heard again."""
        sql = "SELECT cell, day, count(*), min(began), max(began) FROM opened"
        meant = "WHERE due < ? AND began >= ? AND began < ?"
        values = (now, question.since, min(question.until, _LATEST))
        for cell, day, n, first, last in self._rows(f"{sql} {meant}", "cell", values, "GROUP BY cell, day"):
            self._count(cell, day, KILLED, int(n), first, last)

    def _count(self, cell: int, day: int, verdict: str, n: int, first: float, last: float) -> None:
        for counted, number in ((self.by_cell, cell), (self.by_day, day)):
            known = counted.setdefault((number, verdict), [0, first, last])
            known[0] += n
            known[1] = min(known[1], first)
            known[2] = max(known[2], last)


def in_blocks(first: int, last: int) -> list[tuple[int, int]]:
    """Return, for the days from *first* to before *last*, the ranges of days and of blocks that hold each once."""
    begin, end = -(-first // BLOCK_DAYS), last // BLOCK_DAYS
    if begin >= end:
        return [(first, last)]
    # The number of a block is below zero, and that of a later one is less.
    days = [(first, begin * BLOCK_DAYS), (end * BLOCK_DAYS, last)]
    return [(block_key(end - 1), block_key(begin) + 1), *(part for part in days if part[0] < part[1])]


def filters(question: Question) -> tuple[str, tuple[str, ...]]:
    """Return the statement that finds the cells that are meant, empty for all, and its values."""
    given = {name: getattr(question, name) for name in _FILTERS if getattr(question, name)}
    if not given:
        return "", ()
    return f"SELECT id FROM cells WHERE {' AND '.join(f'{name} = ?' for name in given)}", tuple(given.values())
