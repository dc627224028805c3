"""What a question selects, read out of a database: counts by cell and day, times by step, handlers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from math import ceil, floor

from ..accounts.entry import KILLED
from ..accounts.reading import OUTCOMES
from ..hints import Any
from .answers import Question
from .buckets import bucket
from .sql import Database
from .tally import DAY_S, UNTIMED

MOST_AT_THE_EDGES = 50_000
"""How many runs of a day that is only partly asked for are looked at one by one; of more the whole day is taken."""
_ALWAYS = (-(1 << 60), 1 << 60)
_EPOCH = date(1970, 1, 1).toordinal()
_LATEST = 1e12
_FILTERS = ("service", "version", "zone", "cause")


class Counting:
    """What is found for one question, counted."""

    def __init__(self, database: Database, question: Question, now: float) -> None:
        """Count it: whole days from what was counted along, the rest from the runs themselves."""
        self._database = database
        self.troubles: list[str] = []
        """What is not as it was asked."""
        self.cells: dict[int, tuple[str, ...]] = {}
        """Service, version, zone, deployment and cause of each cell that is meant."""
        self.days: dict[tuple[int, int, str], list[float]] = {}
        """By cell, day and verdict: how many, when the first began, when the last."""
        self.times: dict[tuple[int, int], int] = {}
        """By cell and step, how many runs took so long."""
        self.times_by_day: dict[tuple[int, int], int] = {}
        """By day and step."""
        self.deeds: dict[tuple[int, str], list[int]] = {}
        """By handler and outcome: how many, and how many retries."""
        self.spans: dict[tuple[int, int], int] = {}
        """By handler and step."""
        self.whys: dict[int, int] = {}
        """By reason."""
        self._chosen, self._values = filters(question)
        self.cells = {row[0]: tuple(row[1:]) for row in self._rows("SELECT * FROM cells WHERE TRUE", "id")}
        whole, edges = self._split(question)
        if whole[0] < whole[1]:
            self._count_days(whole)
            self._count_handlers(whole)
        for since, until in edges:
            self._count_runs(since, until)
        self._count_killed(question, now)

    def _rows(self, sql: str, column: str, values: Sequence[Any] = (), end: str = "") -> Iterator[Any]:
        """Return the rows of the cells that are meant, by the *column* that holds the cell, or the handler."""
        chosen = self._chosen
        if chosen:
            if column == "handler":
                chosen = f"SELECT id FROM handlers WHERE cell IN ({chosen})"
            if column == "reason":
                of_handlers = f"SELECT id FROM handlers WHERE cell IN ({chosen})"
                chosen = f"SELECT id FROM reasons WHERE handler IN ({of_handlers})"
            sql = f"{sql} AND {column} IN ({chosen})"
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
            self.troubles.append(f"the day {day_name(day)} has more runs than can be looked at: it is taken as a whole")
            first, last = (day, max(day + 1, last)) if day < first else (first, day + 1)
        return (first, last), kept

    def _runs_of(self, day: int) -> int:
        ((found,),) = self._rows("SELECT coalesce(sum(n), 0) FROM days WHERE day = ?", "cell", (day,))
        return int(found)

    def _count_days(self, whole: tuple[int, int]) -> None:
        meant = "WHERE day >= ? AND day < ?"
        sql = f"SELECT cell, day, verdict, n, first, last FROM days {meant}"
        for cell, day, verdict, n, first, last in self._rows(sql, "cell", whole):
            self.days[cell, day, verdict] = [n, first, last]
        sql, end = f"SELECT cell, bucket, sum(n) FROM times {meant}", "GROUP BY cell, bucket"
        self.times = {(cell, step): int(n) for cell, step, n in self._rows(sql, "cell", whole, end)}
        sql, end = f"SELECT day, bucket, sum(n) FROM times {meant}", "GROUP BY day, bucket"
        self.times_by_day = {(day, step): int(n) for day, step, n in self._rows(sql, "cell", whole, end)}

    def _count_handlers(self, whole: tuple[int, int]) -> None:
        meant = "WHERE day >= ? AND day < ?"
        sql, end = f"SELECT handler, outcome, sum(n), sum(retries) FROM deeds {meant}", "GROUP BY handler, outcome"
        found = self._rows(sql, "handler", whole, end)
        self.deeds = {(handler, outcome): [int(n), int(retries)] for handler, outcome, n, retries in found}
        sql, end = f"SELECT handler, bucket, sum(n) FROM spans {meant}", "GROUP BY handler, bucket"
        self.spans = {(handler, step): int(n) for handler, step, n in self._rows(sql, "handler", whole, end)}
        sql, end = f"SELECT reason, sum(n) FROM whys {meant}", "GROUP BY reason"
        self.whys = {reason: int(n) for reason, n in self._rows(sql, "reason", whole, end)}

    def _count_runs(self, since: float, until: float) -> None:
        """Count what lies in a part of a day, run by run."""
        sql = "SELECT cell, began, seconds, verdict, deeds FROM runs WHERE began >= ? AND began < ?"
        for cell, began, seconds, verdict, deeds in self._rows(sql, "cell", (since, until)):
            day = int(began // DAY_S)
            self._count(cell, day, verdict, 1, began, began)
            if seconds is not None and verdict not in UNTIMED:
                step = bucket(seconds)
                self.times[cell, step] = self.times.get((cell, step), 0) + 1
                self.times_by_day[day, step] = self.times_by_day.get((day, step), 0) + 1
            for deed in deeds.split(";") if deeds else ():
                self._count_deed(*deed.split(","))

    def _count_deed(self, handler: str, code: str, step: str, retries: str, reason: str) -> None:
        number, outcome = int(handler), OUTCOMES[int(code)]
        did = self.deeds.setdefault((number, outcome), [0, 0])
        did[0] += 1
        did[1] += int(retries)
        if step:
            key = (number, int(step))
            self.spans[key] = self.spans.get(key, 0) + 1
        if reason != "0":
            self.whys[int(reason)] = self.whys.get(int(reason), 0) + 1

    def _count_killed(self, question: Question, now: float) -> None:
        """Count the runs that must have ended by now, and of which nothing was heard again."""
        until = min(question.until, now * 2)
        sql = "SELECT cell, day, count(*), min(began), max(began) FROM opened"
        meant = "WHERE due < ? AND began >= ? AND began < ?"
        values = (now, question.since, until)
        for cell, day, n, first, last in self._rows(f"{sql} {meant}", "cell", values, "GROUP BY cell, day"):
            self._count(cell, day, KILLED, int(n), first, last)

    def _count(self, cell: int, day: int, verdict: str, n: int, first: float, last: float) -> None:
        counted = self.days.setdefault((cell, day, verdict), [0, first, last])
        counted[0] += n
        counted[1] = min(counted[1], first)
        counted[2] = max(counted[2], last)


def filters(question: Question) -> tuple[str, tuple[str, ...]]:
    """Return the statement that finds the cells that are meant, empty for all, and its values."""
    given = {name: getattr(question, name) for name in _FILTERS if getattr(question, name)}
    if not given:
        return "", ()
    return f"SELECT id FROM cells WHERE {' AND '.join(f'{name} = ?' for name in given)}", tuple(given.values())


def day_name(day: int) -> str:
    """Return the date of a *day*, counted since 1970, as `2026-11-28`."""
    return date.fromordinal(_EPOCH + day).isoformat()
