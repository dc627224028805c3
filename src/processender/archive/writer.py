"""Lines go into a database: each run once, whatever was read twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..accounts.plain import LATE_S
from ..accounts.reading import Line
from . import sql
from .days import DAY_S
from .names import Names
from .sql import Database
from .sums import Sums

_AT_ONCE = 500
Placed = tuple[Line, str]
"""A line, and the directory of its service, relative; empty where there is none."""


class Writer:
    """Writes lines into one database, inside a transaction in which nobody else writes."""

    def __init__(self, database: Database) -> None:
        """Take the *database*."""
        self._database = database
        self._names = Names(database)

    def note(self, lines: Iterable[Placed]) -> None:
        """Add the *lines*: marks, runs that have ended, then those of which only the begin is known."""
        ends: dict[str, Placed] = {}
        starts: dict[str, Placed] = {}
        marks = []
        for placed in lines:
            line = placed[0]
            if line.kind == "mark":
                marks.append((line.at, line.id, line.text, line.service))
            elif line.kind == "start":
                starts.setdefault(line.id, placed)
            elif not line.cut:
                # A crash in a run is counted as that run, by its begin.
                ends.setdefault(line.id, placed)
        known = self.known(sorted(ends.keys() | starts.keys()))
        fresh = {number: placed for number, placed in ends.items() if number not in known}
        begun = [placed for number, placed in starts.items() if number not in known and number not in ends]
        self._add(fresh, begun)
        if marks:
            self._database.many(sql.ADD_MARKS, marks)

    def known(self, numbers: Sequence[str]) -> set[str]:
        """Return those ids of *numbers* whose run is there already, as one that has ended."""
        found: set[str] = set()
        for start in range(0, len(numbers), _AT_ONCE):
            asked = numbers[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(asked))
            found.update(row[0] for row in self._database.rows(f"SELECT id FROM runs WHERE id IN ({marks})", asked))
        return found

    def _add(self, ends: dict[str, Placed], starts: Sequence[Placed]) -> None:
        sums, runs, opened = Sums(self._names), [], []
        for line, place in ends.values():
            cell, undone, short = sums.add(line)
            ended = (line.id, cell, line.at, line.seconds, line.window_s, line.verdict)
            runs.append((*ended, line.node, line.instance, undone, place, short))
        for line, place in starts:
            cell = self._names.cell((line.service, line.version, line.zone, line.deployment, line.cause))
            due = line.at + line.window_s + LATE_S
            begun = (line.id, cell, int(line.at // DAY_S), line.at, due, line.window_s)
            opened.append((*begun, line.node, line.instance, place))
        self._names.write()
        if ends and list(self._database.rows("SELECT 1 FROM opened LIMIT 1")):
            self._database.many(sql.CLOSE_OPENED, [(number,) for number in ends])
        self._database.many(sql.ADD_RUNS, runs)
        self._database.many(sql.ADD_OPENED, opened)
        sums.write(self._database)
